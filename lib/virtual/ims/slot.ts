import { VfioError } from '../../errors.js';
import type { Account } from './budget.js';
import { checkCookie } from './check-cookie.js';
import { type HostVector, hostVectorInternals, type SlotControl } from './host-vector.js';
import type { Cookie } from '../store/layout.js';
import { type Message, sameMessage } from '../../contract/message.js';
import type { SlotContents, SlotWords } from '../store/words.js';

/** Requests and releases the handles of slots. A work descriptor names a slot by its handle. */
export interface Handles {
  /** Requests the handle of a slot from the device. */
  request(index: number): number;
  /** Releases a handle. The device then refuses work that names the released handle. */
  release(handle: number): void;
}

/** Parts of the domain that a slot uses. */
export interface SlotContext {
  readonly words: SlotWords;
  readonly handles: Handles;
  readonly account: Account | null;
  readonly onFree: (slot: Slot) => void;
}

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
  #handle: number | null;
  #vector: HostVector | null = null;
  #message: Message | null = null;
  #live = false;
  #revoked = false;
  /**
   * Whether the pending interrupt belongs to a previous owner or a revoked cookie. If the flag is
   * true, the next call of `program()` drops the pending interrupt.
   */
  #stalePending: boolean;
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
    const { words, handles, account } = context;
    this.#context = context;
    this.index = index;
    this.account = account;
    checkCookie(words.layout, cookie);
    this.#cookie = cookie;
    words.erase(index);
    words.writeCookie(index, cookie);
    this.#stalePending = words.isPending(index);
    this.#handle = handles.request(index);
  }

  /** The handle of the slot for work descriptors; null while the slot is revoked. */
  get handle(): number | null {
    return this.#handle;
  }

  /** The cookie of the slot; null if the device checks no cookie. */
  get cookie(): Cookie {
    return this.#cookie;
  }

  /** The host vector that the slot raises; null before the slot is programmed. */
  get vector(): HostVector | null {
    return this.#vector;
  }

  /** Whether the slot is unmasked and can send interrupts. */
  get live(): boolean {
    return this.#live;
  }

  /**
   * Whether the cookie of the slot was revoked. The slot stays masked until another cookie is set.
   */
  get revoked(): boolean {
    return this.#revoked;
  }

  /** Whether the device holds an interrupt of the slot's current owner. */
  get pending(): boolean {
    return !this.#revoked && !this.#stalePending && this.#context.words.isPending(this.index);
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
   * Unmasks the slot. If an interrupt is pending, the device sends the interrupt.
   * @throws {@link VfioError} EINVAL if the slot is not programmed; ESTALE if the cookie of the
   *   slot was revoked
   */
  unmask(): void {
    if (this.#vector === null)
      throw this.#error('EINVAL', 'is not programmed: call program() first');
    if (this.#revoked) throw this.#error('ESTALE', 'is revoked: set another cookie first');
    this.refresh();
    this.#live = true;
    this.#context.words.setMask(this.index, false);
  }

  /**
   * Masks the slot. While the slot is masked, the device holds the interrupt of the slot.
   * @throws {@link VfioError} ENOTSUP if the layout lacks a mask bit or a pending bit
   */
  mask(): void {
    const { words } = this.#context;
    if (!words.canHold) throw this.#error('ENOTSUP', 'lacks a mask bit or a pending bit');
    this.#live = false;
    words.setMask(this.index, true);
  }

  /**
   * Sets the cookie. A revoked slot gets a new handle. The pending interrupt of the revoked cookie
   * is dropped.
   *
   * @throws RangeError if the cookie does not fit into the field of the layout
   * @throws {@link VfioError} EBUSY if the slot is live, but the layout lacks a mask bit or a
   *   pending bit; ENOTSUP if the layout has no cookie; EINVAL if `cookie` is null, but the device
   *   checks every slot
   */
  setCookie(cookie: Cookie): void {
    const { words, handles } = this.#context;
    checkCookie(words.layout, cookie);
    if (cookie === this.#cookie && !this.#revoked) return;
    this.#change(() => {
      words.writeCookie(this.index, cookie);
    });
    this.#cookie = cookie;
    if (!this.#revoked) return;
    this.#dropPending();
    this.#handle = handles.request(this.index);
    this.#revoked = false;
  }

  /**
   * Revokes the cookie: silences the slot, waits for the interrupts that the slot has sent, and
   * releases the handle of the slot.
   */
  revoke(): void {
    if (this.#revoked) return;
    this.#silence();
    this.#vector?.synchronize();
    this.#revoked = true;
    this.#releaseHandle();
  }

  /** Silences the slot and detaches its host vector. The slot keeps its cookie and its handle. */
  unprogram(): void {
    this.#silence();
    this.#detachVector();
  }

  /** Frees the slot and drops its pending interrupt. Idempotent. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { words, account, onFree } = this.#context;
    this.#silence();
    this.#dropPending();
    words.erase(this.index);
    this.#detachVector();
    this.#releaseHandle();
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
    if (this.#live) words.setMask(this.index, false);
  }

  /** If the slot is live, masks the slot before a change. */
  #pause(): void {
    if (!this.#live) return;
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
    if (this.#live && this.#context.words.canHold) this.#context.words.setMask(this.index, false);
  }

  #change(write: () => void): void {
    this.#pause();
    try {
      write();
    } finally {
      this.#resume();
    }
  }

  #write(message: Message): void {
    this.#context.words.writeMessage(this.index, message);
    this.#message = message;
  }

  /** Masks the slot, or clears its message if the layout has no mask bit. */
  #silence(): void {
    const { words } = this.#context;
    this.#live = false;
    if (words.layout.mask !== undefined) words.setMask(this.index, true);
    else this.#write({ address: 0n, data: 0 });
  }

  #detachVector(): void {
    if (this.#vector !== null) hostVectorInternals.removeSlot(this.#vector, this);
    this.#vector = null;
    this.#message = null;
  }

  #releaseHandle(): void {
    if (this.#handle !== null) this.#context.handles.release(this.#handle);
    this.#handle = null;
  }

  /**
   * Drops the pending interrupt of the masked slot. If software cannot clear the pending bit, the
   * slot is unmasked while its host vector is bound to an eventfd that is never read. If the slot
   * has no host vector, the interrupt stays pending.
   */
  #dropPending(): void {
    const { words } = this.#context;
    words.clearPending(this.index);
    if (words.isPending(this.index) && this.#vector !== null) {
      hostVectorInternals.discardDuring(this.#vector, () => {
        words.setMask(this.index, false);
        words.setMask(this.index, true);
      });
    }
    this.#stalePending = words.isPending(this.index);
  }

  #error(code: string, what: string): VfioError {
    return new VfioError({ code, message: `slot ${this.index} ${what}` });
  }
}
