import { U32_MAX, checkArray, checkBoolean, checkInteger, checkOptions } from '../../checks.js';
import { checkHighBits } from './high-bits.js';
import { checkCookieField, cookieBits, type CookieField, type SlotBits } from './cookie.js';

export type { Cookie, CookieField, SlotBits } from './cookie.js';

/** The words of a message. */
export type MessageWord = 'addressLow' | 'addressHigh' | 'data';

export const MESSAGE_WORDS: readonly MessageWord[] = ['addressLow', 'addressHigh', 'data'];

/** The mask bit of a slot. */
export interface MaskBits extends SlotBits {
  /**
   * Whether the bit enables the interrupt: the slot is masked while the bit is clear. Default:
   * false, the slot is masked while the bit is set.
   */
  readonly inverted?: boolean | undefined;
}

/** Layout of one entry of a message store, in little-endian words of 32 bits. */
export interface EntryLayout {
  readonly name: string;
  /** Offset of the low address word in bytes from the start of the slot. */
  readonly addressLow: number;
  /**
   * Offset of the high address word, or the bits of a word that contain the high address bits. Bit
   * 32 of the address is the lowest of these bits. The other bits of the word stay unchanged when a
   * message is written.
   */
  readonly addressHigh: number | SlotBits;
  /** Offset of the data word. */
  readonly data: number;
  /**
   * Order in which the words of a message are written. Default: address low, address high, data.
   */
  readonly order?: readonly MessageWord[] | undefined;
  /** The mask bit. While the slot is masked, the device holds the interrupt or drops it. */
  readonly mask?: MaskBits | undefined;
  /** The pending bit. While the device holds an interrupt, the pending bit is set. */
  readonly pending?: SlotBits | undefined;
  /** The bit that disables the check of the cookie. This library never sets the bit. */
  readonly ignore?: SlotBits | undefined;
  /** The location of the cookie. By default, slots have no cookie. */
  readonly cookie?: CookieField | undefined;
}

/** Layout of one slot of an interrupt message store. All slots have the same distance. */
export interface SlotLayout extends EntryLayout {
  /** Number of bytes from one slot to the next. */
  readonly stride: number;
}

const NAMES = ['name', 'stride', 'addressLow', 'addressHigh', 'data', 'order', 'mask', 'pending'];
/** The largest stride, and the largest size of an entry, in bytes. */
const SIZE_MAX = 2 ** 20;

/**
 * The layout of Intel's Data Streaming Accelerator. Bits 31:12 of the control word contain the
 * PASID.
 */
export const DSA_LAYOUT: SlotLayout = {
  name: 'dsa',
  stride: 16,
  addressLow: 0,
  addressHigh: 4,
  data: 8,
  mask: { offset: 12, bits: 1 << 0 },
  pending: { offset: 12, bits: 1 << 1 },
  ignore: { offset: 12, bits: 1 << 2 },
  cookie: { offset: 12, enable: 1 << 3, shift: 12, width: 20 },
};

/**
 * Whether the device holds the interrupt of a masked slot. A live slot can then be masked during a
 * change.
 */
export function canHold(layout: EntryLayout): boolean {
  return layout.mask !== undefined && layout.pending !== undefined;
}

/** Returns the bits that contain the high address bits. */
export function highBits({ addressHigh }: Pick<EntryLayout, 'addressHigh'>): SlotBits {
  return typeof addressHigh === 'number' ? { offset: addressHigh, bits: U32_MAX } : addressHigh;
}

/** Returns the offset of a word of the message. */
export function messageOffset(layout: EntryLayout, word: MessageWord): number {
  return word === 'addressHigh' ? highBits(layout).offset : layout[word];
}

/** Returns the offsets of the words that the layout uses in a slot, without duplicates. */
export function wordsOf(layout: EntryLayout): number[] {
  const { mask, pending, ignore, cookie } = layout;
  const fields = [mask, pending, ignore, ...(cookie === undefined ? [] : cookieBits(cookie))];
  const control = fields.flatMap((field) => field?.offset ?? []);
  return [...new Set([...MESSAGE_WORDS.map((word) => messageOffset(layout, word)), ...control])];
}

/** Returns the size of an entry in bytes: the end of its last word. */
export function entrySize(layout: EntryLayout): number {
  return Math.max(...wordsOf(layout)) + 4;
}

/** Checks the layout of slots. @throws RangeError if words or bits overlap or exceed the stride */
export function checkLayout(layout: SlotLayout): void {
  checkOptions(layout, [...NAMES, 'ignore', 'cookie'], 'layout');
  const { stride } = layout;
  checkInteger(stride, 'stride', 12, SIZE_MAX);
  if (stride % 4 !== 0) throw new RangeError(`stride ${stride} is not a multiple of 4`);
  checkEntryLayout(layout, stride);
}

/**
 * Checks the layout of an entry.
 *
 * @param size - the largest size of the entry in bytes
 * @throws TypeError for a value of a wrong type; RangeError if words or bits overlap or exceed `size`
 */
export function checkEntryLayout(layout: EntryLayout, size = SIZE_MAX): void {
  checkOptions(layout, [...NAMES, 'ignore', 'cookie'], 'layout');
  const { addressLow, addressHigh, data, mask, pending, ignore, cookie } = layout;
  if (typeof addressHigh !== 'number') checkHigh(addressHigh);
  const fields = { mask, pending, ignore };
  for (const [name, field] of Object.entries(fields))
    if (field !== undefined) checkBits(name, field);
  if (cookie !== undefined) checkCookieField(cookie);
  for (const offset of wordsOf(layout)) {
    checkInteger(offset, 'offset of a word', 0, size - 4);
    if (offset % 4 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 4`);
  }
  checkOrder(layout.order);
  const high = highBits(layout);
  if (new Set([addressLow, high.offset, data]).size < 3)
    throw new RangeError('addressLow, addressHigh and data must have different offsets');
  const used = new Map<number, number>();
  const claim = (what: string, offset: number, bits: number) => {
    const before = used.get(offset) ?? 0;
    if (bits === 0 || (before & bits) !== 0)
      throw new RangeError(`${what} has no bits, or overlaps another field`);
    used.set(offset, before | bits);
  };
  claim('addressLow', addressLow, U32_MAX);
  claim('addressHigh', high.offset, high.bits);
  claim('data', data, U32_MAX);
  for (const [name, field] of Object.entries(fields)) {
    if (field !== undefined) claim(name, field.offset, field.bits);
  }
  for (const { offset, bits } of cookie === undefined ? [] : cookieBits(cookie)) {
    claim('cookie', offset, bits);
  }
}

function checkOrder(order: readonly MessageWord[] = MESSAGE_WORDS): void {
  checkArray(order, 'order');
  if (order.length !== 3 || MESSAGE_WORDS.some((word) => !order.includes(word))) {
    throw new RangeError(`order must contain each of ${MESSAGE_WORDS.join(', ')} once`);
  }
}

function checkBits(name: string, field: MaskBits): void {
  checkOptions(field, name === 'mask' ? ['offset', 'bits', 'inverted'] : ['offset', 'bits'], name);
  checkInteger(field.bits, `${name}.bits`, -(2 ** 31), U32_MAX);
  if (field.inverted !== undefined) checkBoolean(field.inverted, `${name}.inverted`);
}

function checkHigh(field: SlotBits): void {
  checkOptions(field, ['offset', 'bits'], 'addressHigh');
  checkHighBits(field.bits, 'addressHigh.bits');
}
