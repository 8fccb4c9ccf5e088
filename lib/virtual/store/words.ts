import { decodeCookie, encodeCookie } from './cookie.js';
import { decodeHigh, encodeHigh } from './high-bits.js';
import {
  canHold,
  type Cookie,
  highBits,
  MESSAGE_WORDS,
  wordsOf,
  type SlotBits,
  type SlotLayout,
} from './layout.js';
import { U32_MAX } from '../../checks.js';
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
  readonly #offsets: readonly number[] | null;
  /** The bits that contain the high address bits. */
  readonly #high: SlotBits;
  /** Whether the high address bits fill their word. */
  readonly #wholeHigh: boolean;
  /** The value of the mask bits while a slot is masked, and while the slot is not masked. */
  readonly #masked: number;
  readonly #unmasked: number;

  /**
   * @param changed - called with the index of a slot after each write to the slot
   * @param offsets - offset of each slot in bytes from the start of the storage; null if the stride
   *   of the layout gives the offsets
   */
  constructor(
    layout: SlotLayout,
    storage: SlotStorage,
    changed: (index: number) => void,
    offsets: readonly number[] | null = null,
  ) {
    const { bits = 0, inverted = false } = layout.mask ?? {};
    this.layout = layout;
    this.canHold = canHold(layout);
    this.#storage = storage;
    this.#changed = changed;
    this.#offsets = offsets;
    this.#high = highBits(layout);
    this.#wholeHigh = this.#high.bits === U32_MAX;
    this.#masked = inverted ? 0 : bits;
    this.#unmasked = inverted ? bits : 0;
  }

  read(index: number): SlotContents {
    const { addressLow, data, mask, pending, ignore, cookie } = this.layout;
    const word = (offset: number) => this.#storage.read32(this.#at(index, offset));
    const test = (field: SlotBits | undefined) =>
      field !== undefined && (word(field.offset) & field.bits) !== 0;
    const high = decodeHigh(word(this.#high.offset), this.#high.bits);
    const address = (BigInt(high) << 32n) | BigInt(word(addressLow));
    return {
      message: { address, data: word(data) },
      masked: test(mask) !== (mask?.inverted ?? false),
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
    this.#update(index, mask.offset, mask.bits, masked ? this.#masked : this.#unmasked);
    if (masked) this.#storage.read32(this.#at(index, mask.offset));
    this.#changed(index);
  }

  /**
   * Checks that an address fits into a slot.
   * @throws {@link VfioError} EOVERFLOW if the address does not fit
   */
  checkAddress(address: bigint): void {
    encodeHigh(address, this.#high.bits);
  }

  /** @throws {@link VfioError} EOVERFLOW if the address does not fit; nothing is then written */
  writeMessage(index: number, { address, data }: Message): void {
    const { layout } = this;
    const low = Number(address & 0xffff_ffffn);
    const high = encodeHigh(address, this.#high.bits);
    for (const word of layout.order ?? MESSAGE_WORDS) {
      if (word === 'addressHigh') this.#writeHigh(index, high);
      else this.#storage.write32(this.#at(index, layout[word]), word === 'data' ? data : low);
    }
    this.#changed(index);
  }

  #writeHigh(index: number, value: number): void {
    const { offset, bits } = this.#high;
    if (this.#wholeHigh) this.#storage.write32(this.#at(index, offset), value);
    else this.#update(index, offset, bits, value);
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
      this.#storage.write32(
        this.#at(index, offset),
        mask?.offset === offset ? this.#masked >>> 0 : 0,
      );
    }
    this.#changed(index);
  }

  #at(index: number, offset: number): number {
    const offsets = this.#offsets;
    return (offsets === null ? index * this.layout.stride : (offsets[index] ?? 0)) + offset;
  }

  #update(index: number, offset: number, bits: number, value: number): void {
    const at = this.#at(index, offset);
    const storage = this.#storage;
    if (storage.update32 !== undefined) storage.update32(at, bits, value);
    else storage.write32(at, ((storage.read32(at) & ~bits) | value) >>> 0);
  }
}
