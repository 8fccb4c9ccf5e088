import { checkInstance } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Account } from './budget.js';
import { HostVector, hostVectorInternals, type SlotControl } from './host-vector.js';
import type { Cookie } from '../store/layout.js';
import { type Message, sameMessage } from '../../contract/message.js';
import type { SlotContext } from './slot-context.js';
import type { SlotContents } from '../store/words.js';

/** Methods of {@link Slot} that are internal to this folder. */
export interface SlotInternals extends SlotControl {
  create(context: SlotContext, index: number, cookie: Cookie): Slot;
  /** Writes the whole slot again, after a reset of the device has erased the slot. */
  restore(slot: Slot): void;
}

export let slotInternals: SlotInternals;

/**
 * An allocated entry of an interrupt message store. While the library changes a live slot, the slot
 * is masked and the device holds the interrupt. The device sends the interrupt after the change. If
 * the layout lacks a mask bit or a pending bit, a change of a live slot fails with EBUSY.
 */
export class Slot {
  readonly index: number;
  readonly account: Account | null;
  readonly #context: SlotContext;
  #cookie: Cookie;
  #handle: number | null = null;
  #vector: HostVector | null = null;
  #message: Message | null = null;
  /** Whether the slot is unmasked while the slot is not silent. */
  #unmasked = false;
  #silent = false;
  /**
   * Whether the pending interrupt belongs to a previous owner or a previous cookie. If the flag is
   * true, the next call of `program()` drops the pending interrupt.
   */
  #stalePending = false;
  #freed = false;

  static {
    slotInternals = {
      create: (context, index, cookie) => new Slot(context, index, cookie),
      restore: (slot) => {
        slot.#restore();
      },
      pause: (slot) => {
        slot.#pause();
      },
      resume: (slot) => {
        slot.#resume();
      },
    };
  }

  private constructor(context: SlotContext, index: number, cookie: Cookie) {
    const { words, handles, account, owner } = context;
    this.#context = context;
    this.index = index;
    this.account = account;
    this.#cookie = cookie;
    owner.claim(cookie);
    try {
      words.erase(index);
      words.writeCookie(index, cookie);
      this.#dropPending();
      this.#handle = handles.request(index);
    } catch (error) {
      owner.release(cookie);
      throw error;
    }
  }

  /**
   * The handle of the slot for work descriptors. The handle is null after the slot was freed, and
   * while the device refuses a new handle for a revoked cookie.
   */
  get handle(): number | null {
    return this.#handle;
  }

  /** The cookie that the slot contains; null if the device checks no cookie. */
  get cookie(): Cookie {
    return this.#cookie;
  }

  /** The host vector that the slot raises; null before the slot is programmed. */
  get vector(): HostVector | null {
    return this.#vector;
  }

  /** Whether the slot is unmasked and can send interrupts. */
  get live(): boolean {
    return this.#unmasked && !this.#silent;
  }

  /**
   * Whether the slot waits for a cookie, because its cookie was revoked or names a PASID that is
   * not bound. A silent slot is masked and contains the default cookie of its owner. The library
   * drops the interrupts that become pending in a silent slot.
   */
  get silent(): boolean {
    return this.#silent;
  }

  /** Whether the device holds an interrupt of the slot's current cookie. */
  get pending(): boolean {
    return !this.#silent && !this.#stalePending && this.#context.words.isPending(this.index);
  }

  /** Reads the slot from its storage. */
  read(): SlotContents {
    return this.#context.words.read(this.index);
  }

  /**
   * Sets the host vector that the slot raises. A masked slot stays masked, and a live slot stays
   * live.
   */
  program(vector: HostVector): void {
    this.#checkOpen();
    checkInstance(vector, 'vector', HostVector);
    if (this.#vector !== vector || !sameMessage(vector.message, this.#message)) {
      this.#change(() => {
        this.#write(vector.message);
      });
      if (this.#vector !== null) hostVectorInternals.removeSlot(this.#vector, this);
      this.#vector = vector;
      hostVectorInternals.addSlot(vector, this);
    }
    if (this.#stalePending) this.#dropPending();
  }

  /** If the host has changed the message of the host vector, writes the new message to the slot. */
  refresh(): void {
    const message = this.#vector?.message;
    if (message === undefined || sameMessage(message, this.#message)) return;
    this.#change(() => {
      this.#write(message);
    });
  }

  /**
   * Unmasks the slot. If an interrupt is pending, the device sends the interrupt. A silent slot is
   * unmasked when the slot gets a cookie.
   * @throws {@link VfioError} EINVAL if the slot is not programmed; EBADF if the slot was freed
   */
  unmask(): void {
    this.#checkOpen();
    if (this.#vector === null)
      throw this.#error('EINVAL', 'is not programmed: call program() first');
    this.refresh();
    this.#unmasked = true;
    if (!this.#silent) this.#context.words.setMask(this.index, false);
  }

  /**
   * Masks the slot. While the slot is masked, the device holds the interrupt of the slot.
   * @throws {@link VfioError} ENOTSUP if the layout lacks a mask bit or a pending bit; EBADF if the
   *   slot was freed
   */
  mask(): void {
    this.#checkOpen();
    const { words } = this.#context;
    if (!words.canHold) throw this.#error('ENOTSUP', 'lacks a mask bit or a pending bit');
    this.#unmasked = false;
    words.setMask(this.index, true);
  }

  /**
   * Sets the cookie. A silent slot then works again: its pending interrupt is dropped, and the slot
   * is unmasked if `unmask()` was called.
   *
   * @throws TypeError or RangeError if the cookie does not fit into the field of the layout
   * @throws {@link VfioError} EEXIST if the cookie belongs to another owner; EBUSY if the slot is
   *   live, but the layout lacks a mask bit or a pending bit; ENOTSUP if the layout has no cookie;
   *   EINVAL if `cookie` is null, but the device checks every slot or several guests use the
   *   domain; EBADF if the slot was freed
   */
  setCookie(cookie: Cookie): void {
    this.#checkOpen();
    const { words, owner } = this.#context;
    if (cookie === this.#cookie && !this.#silent) return;
    owner.claim(cookie);
    try {
      if (this.#handle === null) this.#requestHandle();
      this.#change(() => {
        words.writeCookie(this.index, cookie);
      });
    } catch (error) {
      owner.release(cookie);
      throw error;
    }
    owner.release(this.#cookie);
    this.#cookie = cookie;
    if (this.#silent) this.#revive();
  }

  /**
   * Silences the slot until another cookie is set: masks the slot, waits for the interrupts that
   * the slot has sent, and writes the default cookie of the owner into the slot. The slot keeps its
   * handle.
   *
   * @returns whether the device holds an interrupt from before the call. The interrupt is not sent
   *   any more.
   */
  silence(): boolean {
    this.#checkOpen();
    if (this.#silent) return false;
    this.#mute();
    try {
      this.#vector?.synchronize();
      return this.pending;
    } finally {
      this.#silent = true;
      this.#carrySilentCookie();
    }
  }

  /**
   * Revokes the cookie: silences the slot, releases its handle, and requests a new handle. The new
   * handle stays valid when another cookie is set.
   *
   * @throws {@link VfioError} the error of the device, if the device refuses a handle. The slot is
   *   silent, and the next call of `setCookie` requests a handle again.
   */
  revoke(): void {
    this.silence();
    this.#releaseHandle();
    this.#requestHandle();
  }

  /** Masks the slot and detaches its host vector. The slot keeps its cookie and its handle. */
  unprogram(): void {
    this.#checkOpen();
    this.#unmasked = false;
    this.#mute();
    this.#detachVector();
  }

  /** Frees the slot and drops its pending interrupt. Idempotent. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { words, account, owner, onFree } = this.#context;
    this.#unmasked = false;
    this.#mute();
    if (this.#vector !== null) this.#dropPending();
    words.erase(this.index);
    this.#detachVector();
    this.#releaseHandle();
    owner.release(this.#cookie);
    account?.refundSlot();
    onFree(this);
  }

  #restore(): void {
    const { words } = this.#context;
    const silenced = this.#message === null || this.#message.address === 0n;
    const message = silenced ? null : (this.#vector?.message ?? null);
    words.erase(this.index);
    words.writeCookie(this.index, this.#cookie);
    this.#stalePending = words.isPending(this.index);
    if (message !== null) this.#write(message);
    if (this.live) words.setMask(this.index, false);
  }

  /** If the slot is live, masks the slot before a change. */
  #pause(): void {
    if (!this.live) return;
    const { words } = this.#context;
    if (!words.canHold) {
      throw this.#error(
        'EBUSY',
        'is live and cannot be changed, because its layout lacks a mask bit or a pending bit',
      );
    }
    words.setMask(this.index, true);
  }

  /** If the slot is live, unmasks the slot after a change. */
  #resume(): void {
    if (this.live && this.#context.words.canHold) this.#context.words.setMask(this.index, false);
  }

  #change(write: () => void): void {
    this.#pause();
    try {
      write();
    } finally {
      this.#resume();
    }
  }

  /** Writes a message. Without a mask bit, a silent slot keeps the message 0, which sends nothing. */
  #write(message: Message): void {
    if (this.#silent && this.#context.words.layout.mask === undefined) return;
    this.#context.words.writeMessage(this.index, message);
    this.#message = message;
  }

  /** Masks the slot, or clears its message if the layout has no mask bit. */
  #mute(): void {
    const { words } = this.#context;
    if (words.layout.mask !== undefined) {
      words.setMask(this.index, true);
      return;
    }
    this.#message = { address: 0n, data: 0 };
    words.writeMessage(this.index, this.#message);
  }

  #revive(): void {
    this.#dropPending();
    this.#silent = false;
    this.refresh();
    if (this.#unmasked) this.#context.words.setMask(this.index, false);
    this.#context.onRevived(this);
  }

  /** Replaces the cookie of a silent slot, so that another owner can get the old cookie. */
  #carrySilentCookie(): void {
    const { words, owner } = this.#context;
    const { silentCookie } = owner;
    if (silentCookie === undefined || silentCookie === this.#cookie) return;
    owner.claim(silentCookie);
    words.writeCookie(this.index, silentCookie);
    owner.release(this.#cookie);
    this.#cookie = silentCookie;
  }

  #detachVector(): void {
    if (this.#vector !== null) hostVectorInternals.removeSlot(this.#vector, this);
    this.#vector = null;
    this.#message = null;
  }

  #requestHandle(): void {
    this.#handle = this.#context.handles.request(this.index);
  }

  #releaseHandle(): void {
    const handle = this.#handle;
    this.#handle = null;
    if (handle !== null) this.#context.handles.release(handle);
  }

  /**
   * Drops the pending interrupt of the masked slot. If software cannot clear the pending bit, the
   * slot is unmasked while its message signals an eventfd that is never read.
   */
  #dropPending(): void {
    const { words, discardPending } = this.#context;
    words.clearPending(this.index);
    if (words.isPending(this.index) && words.canHold) {
      if (this.#vector === null) discardPending(this.index);
      else {
        hostVectorInternals.discardDuring(this.#vector, () => {
          words.setMask(this.index, false);
          words.setMask(this.index, true);
        });
      }
    }
    this.#stalePending = words.isPending(this.index);
  }

  #checkOpen(): void {
    if (this.#freed) throw this.#error('EBADF', 'was freed');
  }

  #error(code: string, what: string): VfioError {
    return new VfioError({ code, message: `slot ${this.index} ${what}` });
  }
}
