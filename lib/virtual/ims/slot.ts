import { VfioError } from '../../errors.js';
import { checkInteger } from '../../checks.js';
import type { Account } from './budget.js';
import { type HostVector, hostVectorInternals, type SlotControl } from './host-vector.js';
import type { Cookie } from '../store/layout.js';
import type { Message } from '../../contract/message.js';
import type { SlotContents, SlotWords } from '../store/words.js';

/** Where the handles come from that work descriptors name slots by. */
export interface Handles {
  /** The device gives out a handle for a slot. */
  request(index: number): number;
  /** It is void from now on. */
  release(handle: number): void;
}

/** What a slot needs of its domain. */
export interface SlotContext {
  readonly words: SlotWords;
  readonly handles: Handles;
  readonly account: Account | null;
  readonly onFree: (slot: Slot) => void;
}

/** The calls that the classes of this folder make to a {@link Slot}, and its users do not. */
export interface SlotInternals extends SlotControl {
  create(context: SlotContext, index: number, cookie: Cookie): Slot;
  /** Writes the whole slot again, after a reset of the device erased it and what was pending. */
  restore(slot: Slot): void;
}

export let slotInternals: SlotInternals;

/**
 * One entry of an interrupt message store, from its allocation until it is freed. It is changed
 * while masked; a live one is masked for the change, and the device sends afterwards what fired
 * meanwhile. Where the layout has no bits for that, changing a live one is EBUSY.
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
  /** What is pending is not its owner's: it is dropped as soon as there is somewhere to drop it. */
  #stale: boolean;
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
    this.#cookie = checkCookie(words, cookie);
    words.erase(index);
    words.writeCookie(index, cookie);
    this.#stale = words.isPending(index);
    this.#handle = handles.request(index);
  }

  /** What a work descriptor names the slot by; null while it is revoked. */
  get handle(): number | null {
    return this.#handle;
  }

  /** What isolates it; null if nothing is checked. */
  get cookie(): Cookie {
    return this.#cookie;
  }

  /** The interrupt of the host that it sends, once it is programmed. */
  get vector(): HostVector | null {
    return this.#vector;
  }

  /** Whether it may send. */
  get live(): boolean {
    return this.#live;
  }

  /** Whether its cookie was taken away. It stays masked until it has another. */
  get revoked(): boolean {
    return this.#revoked;
  }

  /** Whether the device keeps an interrupt for it. */
  get pending(): boolean {
    return !this.#revoked && !this.#stale && this.#context.words.isPending(this.index);
  }

  /** What the storage holds now. */
  read(): SlotContents {
    return this.#context.words.read(this.index);
  }

  /** Has it send an interrupt of the host; masked, unless it is live already. */
  program(vector: HostVector): void {
    if (this.#vector !== vector || !same(vector.message, this.#message)) {
      this.#change(() => {
        this.#write(vector.message);
      });
      if (this.#vector !== null) hostVectorInternals.leave(this.#vector, this);
      this.#vector = vector;
      hostVectorInternals.join(vector, this);
    }
    if (this.#stale) this.#dropPending();
  }

  /** Writes the message again if the host has changed it. */
  refresh(): void {
    const message = this.#vector?.message;
    if (message === undefined || same(message, this.#message)) return;
    this.#change(() => {
      this.#write(message);
    });
  }

  /**
   * Lets it send, first what is pending.
   * @throws {@link VfioError} EINVAL if it is not programmed, ESTALE if its cookie was revoked
   */
  unmask(): void {
    if (this.#vector === null) throw this.#error('EINVAL', 'is not programmed');
    if (this.#revoked) throw this.#error('ESTALE', 'lost its cookie and has no other yet');
    this.refresh();
    this.#live = true;
    this.#context.words.setMask(this.index, false);
  }

  /** The device keeps what fires. @throws {@link VfioError} ENOTSUP if the layout cannot */
  mask(): void {
    const { words } = this.#context;
    if (!words.canHold) throw this.#error('ENOTSUP', 'has no mask and pending bits');
    this.#live = false;
    words.setMask(this.index, true);
  }

  /**
   * Sets what isolates it. A slot that was revoked gets a new handle, and what fired by the old
   * cookie is void.
   *
   * @throws RangeError if the layout's field does not hold it
   * @throws {@link VfioError} EBUSY if it is live and the layout has no mask and pending bits;
   *   ENOTSUP if the layout has no cookie
   */
  setCookie(cookie: Cookie): void {
    const { words, handles } = this.#context;
    checkCookie(words, cookie);
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
   * Its cookie is not valid any more: it is silenced, what it has sent arrives, and its handle is
   * taken back.
   */
  revoke(): void {
    if (this.#revoked) return;
    this.#silence();
    this.#vector?.synchronize();
    this.#revoked = true;
    this.#releaseHandle();
  }

  /** Gives back what it sends, and keeps slot, cookie and handle. */
  unprogram(): void {
    this.#silence();
    this.#leave();
  }

  /** Gives it back. What is pending in it is dropped. Idempotent. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { words, account, onFree } = this.#context;
    this.#silence();
    this.#dropPending();
    words.erase(this.index);
    this.#leave();
    this.#releaseHandle();
    account?.giveBackSlot();
    onFree(this);
  }

  #restore(): void {
    const { words } = this.#context;
    const silenced = this.#message === null || this.#message.address === 0n;
    const message = silenced ? null : (this.#vector?.message ?? null);
    words.erase(this.index);
    words.writeCookie(this.index, this.#cookie);
    this.#stale = words.isPending(this.index);
    if (message !== null) this.#write(message);
    if (this.#live) words.setMask(this.index, false);
  }

  /** Masks the slot for a change, if it is live. */
  #pause(): void {
    if (!this.#live) return;
    const { words } = this.#context;
    if (!words.canHold) {
      throw this.#error('EBUSY', 'is live, and has no mask and pending bits to be changed');
    }
    words.setMask(this.index, true);
  }

  /** Unmasks the slot after a change, if it is live. */
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

  /** What cannot be masked loses its message. */
  #silence(): void {
    const { words } = this.#context;
    this.#live = false;
    if (words.layout.mask !== undefined) words.setMask(this.index, true);
    else this.#write({ address: 0n, data: 0 });
  }

  #leave(): void {
    if (this.#vector !== null) hostVectorInternals.leave(this.#vector, this);
    this.#vector = null;
    this.#message = null;
  }

  #releaseHandle(): void {
    if (this.#handle !== null) this.#context.handles.release(this.#handle);
    this.#handle = null;
  }

  /**
   * The slot is masked. Where software cannot clear the pending bit, the device has to send it, to
   * nobody; and without a message it cannot yet.
   */
  #dropPending(): void {
    const { words } = this.#context;
    words.clearPending(this.index);
    if (words.isPending(this.index) && this.#vector !== null) {
      hostVectorInternals.discard(this.#vector, () => {
        words.setMask(this.index, false);
        words.setMask(this.index, true);
      });
    }
    this.#stale = words.isPending(this.index);
  }

  #error(code: string, what: string): VfioError {
    return new VfioError({ code, message: `slot ${this.index} ${what}` });
  }
}

/** @throws RangeError or VfioError ENOTSUP if the layout does not hold it */
export function checkCookie({ layout }: SlotWords, cookie: Cookie): Cookie {
  if (cookie === null) return null;
  if (layout.cookie === undefined) {
    throw new VfioError({ code: 'ENOTSUP', message: `slots of '${layout.name}' have no cookie` });
  }
  checkInteger(cookie, 'cookie', 0, 2 ** layout.cookie.width - 1);
  return cookie;
}

function same(a: Message, b: Message | null): boolean {
  return a.address === b?.address && a.data === b.data;
}
