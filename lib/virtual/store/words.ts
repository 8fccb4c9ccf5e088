import { decodeCookie, encodeCookie } from './cookie.js';
import {
  canHold,
  type Cookie,
  MESSAGE_WORDS,
  wordsOf,
  type SlotBits,
  type SlotLayout,
} from './layout.js';
import { type Message } from '../../contract/message.js';
import type { SlotStorage } from './storage.js';

/** The decoded contents of a slot. */
export interface SlotContents {
  readonly message: Message;
  /** The mask bit; false if the layout has no mask bit. */
  readonly masked: boolean;
  /** The pending bit; false if the layout has no pending bit. */
  readonly pending: boolean;
  /** The ignore bit; false if the layout has no ignore bit. */
  readonly ignore: boolean;
  readonly cookie: Cookie;
}

/** Reads and writes the fields of slots. The caller decides when a field is allowed to change. */
export class SlotWords {
  readonly layout: SlotLayout;
  /**
   * Whether the layout has a mask bit and a pending bit, so that the device holds the interrupt of
   * a masked slot.
   */
  readonly canHold: boolean;
  readonly #storage: SlotStorage;
  readonly #changed: (index: number) => void;

  /** @param changed - called with the index of a slot after each write to the slot */
  constructor(layout: SlotLayout, storage: SlotStorage, changed: (index: number) => void) {
    this.layout = layout;
    this.canHold = canHold(layout);
    this.#storage = storage;
    this.#changed = changed;
  }

  read(index: number): SlotContents {
    const { addressLow, addressHigh, data, mask, pending, ignore, cookie } = this.layout;
    const word = (offset: number) => this.#storage.read32(this.#at(index, offset));
    const test = (field: SlotBits | undefined) =>
      field !== undefined && (word(field.offset) & field.bits) !== 0;
    const address = (BigInt(word(addressHigh)) << 32n) | BigInt(word(addressLow));
    return {
      message: { address, data: word(data) },
      masked: test(mask),
      pending: test(pending),
      ignore: test(ignore),
      cookie: cookie === undefined ? null : decodeCookie(cookie, word),
    };
  }

  isPending(index: number): boolean {
    const { pending } = this.layout;
    if (pending === undefined) return false;
    return (this.#storage.read32(this.#at(index, pending.offset)) & pending.bits) !== 0;
  }

  /**
   * Writes the mask bit. If `masked` is true, the device has received the write when the call
   * returns.
   */
  setMask(index: number, masked: boolean): void {
    const { mask } = this.layout;
    if (mask === undefined) return;
    this.#update(index, mask.offset, mask.bits, masked ? mask.bits : 0);
    if (masked) this.#storage.read32(this.#at(index, mask.offset));
    this.#changed(index);
  }

  writeMessage(index: number, { address, data }: Message): void {
    const { layout } = this;
    const values = {
      addressLow: Number(address & 0xffff_ffffn),
      addressHigh: Number(address >> 32n),
      data,
    };
    for (const word of layout.order ?? MESSAGE_WORDS) {
      this.#storage.write32(this.#at(index, layout[word]), values[word]);
    }
    this.#changed(index);
  }

  writeCookie(index: number, value: Cookie): void {
    const { cookie } = this.layout;
    if (cookie === undefined) return;
    for (const { offset, bits, value: word } of encodeCookie(cookie, value)) {
      this.#update(index, offset, bits, word);
    }
    this.#changed(index);
  }

  /**
   * Tries to clear the pending bit. If the slot is a register, the pending bit can be read-only.
   */
  clearPending(index: number): void {
    const { pending } = this.layout;
    if (pending !== undefined) this.#update(index, pending.offset, pending.bits, 0);
  }

  /** Masks a slot, and clears its message, its cookie and its pending bit. */
  erase(index: number): void {
    const { mask } = this.layout;
    this.setMask(index, true);
    for (const offset of wordsOf(this.layout)) {
      const keep = mask?.offset === offset ? mask.bits : 0;
      this.#storage.write32(this.#at(index, offset), keep);
    }
    this.#changed(index);
  }

  #at(index: number, offset: number): number {
    return index * this.layout.stride + offset;
  }

  #update(index: number, offset: number, bits: number, value: number): void {
    const at = this.#at(index, offset);
    const storage = this.#storage;
    if (storage.update32 !== undefined) storage.update32(at, bits, value);
    else storage.write32(at, ((storage.read32(at) & ~bits) | value) >>> 0);
  }
}
