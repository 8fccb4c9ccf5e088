import { checkArray, checkInteger, checkOptions, checkString, U32_MAX } from '../../checks.js';
import {
  checkCookieField,
  cookieBits,
  type CookieField,
  SLOT_BITS,
  type SlotBits,
} from './cookie.js';

export type { Cookie, CookieField, SlotBits } from './cookie.js';

/** The words of a message. */
export type MessageWord = 'addressLow' | 'addressHigh' | 'data';

export const MESSAGE_WORDS: readonly MessageWord[] = ['addressLow', 'addressHigh', 'data'];

/** Layout of one slot of an interrupt message store, in little-endian words of 32 bits. */
export interface SlotLayout {
  readonly name: string;
  /** Number of bytes from one slot to the next. */
  readonly stride: number;
  /** Offset of the low address word in bytes from the start of the slot. */
  readonly addressLow: number;
  /** Offset of the high address word. */
  readonly addressHigh: number;
  /** Offset of the data word. */
  readonly data: number;
  /**
   * Order in which the words of a message are written. Default: address low, address high, data.
   */
  readonly order?: readonly MessageWord[] | undefined;
  /** The mask bit. While the mask bit is set, the device holds the interrupt. */
  readonly mask?: SlotBits | undefined;
  /** The pending bit. While the device holds an interrupt, the pending bit is set. */
  readonly pending?: SlotBits | undefined;
  /** The bit that disables the check of the cookie. This library never sets the bit. */
  readonly ignore?: SlotBits | undefined;
  /** The location of the cookie. By default, slots have no cookie. */
  readonly cookie?: CookieField | undefined;
}

/** The bit operators of JavaScript return signed values. */
const S32_MIN = -(2 ** 31);
const LAYOUT = [
  ...['name', 'stride', 'addressLow', 'addressHigh', 'data', 'order'],
  ...['mask', 'pending', 'ignore', 'cookie'],
];

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
export function canHold(layout: SlotLayout): boolean {
  return layout.mask !== undefined && layout.pending !== undefined;
}

/** Returns the offsets of the words that the layout uses in a slot, without duplicates. */
export function wordsOf(layout: SlotLayout): number[] {
  const { addressLow, addressHigh, data, mask, pending, ignore, cookie } = layout;
  const fields = [mask, pending, ignore, ...(cookie === undefined ? [] : cookieBits(cookie))];
  const control = fields.flatMap((field) => field?.offset ?? []);
  return [...new Set([addressLow, addressHigh, data, ...control])];
}

/** Checks a layout. @throws RangeError if words or bits overlap or exceed the stride */
export function checkLayout(layout: SlotLayout): void {
  checkOptions(layout, LAYOUT, 'layout');
  checkString(layout.name, 'name of the layout');
  for (const name of ['mask', 'pending', 'ignore'] as const) {
    if (layout[name] !== undefined) checkOptions(layout[name], SLOT_BITS, name);
  }
  if (layout.order !== undefined) checkArray(layout.order, 'order');
  const { stride, addressLow, addressHigh, data, mask, pending, ignore, cookie } = layout;
  checkInteger(stride, 'stride', 12, 2 ** 20);
  if (cookie !== undefined) checkCookieField(cookie);
  if (stride % 4 !== 0) throw new RangeError(`stride ${stride} is not a multiple of 4`);
  for (const offset of wordsOf(layout)) {
    checkInteger(offset, 'offset of a word', 0, stride - 4);
    if (offset % 4 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 4`);
  }
  const { order = MESSAGE_WORDS } = layout;
  if (order.length !== 3 || MESSAGE_WORDS.some((word) => !order.includes(word))) {
    throw new RangeError(`order must contain each of ${MESSAGE_WORDS.join(', ')} once`);
  }
  const message = [addressLow, addressHigh, data];
  if (new Set(message).size < 3)
    throw new RangeError('addressLow, addressHigh and data must have different offsets');
  const used = new Map<number, number>(message.map((offset) => [offset, 0xffff_ffff]));
  const claim = (what: string, offset: number, bits: number) => {
    checkInteger(bits, `bits of ${what}`, S32_MIN, U32_MAX);
    const before = used.get(offset) ?? 0;
    if (bits === 0 || (before & bits) !== 0)
      throw new RangeError(`${what} has no bits, or overlaps another field`);
    used.set(offset, before | bits);
  };
  if (mask !== undefined) claim('mask', mask.offset, mask.bits);
  if (pending !== undefined) claim('pending', pending.offset, pending.bits);
  if (ignore !== undefined) claim('ignore', ignore.offset, ignore.bits);
  for (const { offset, bits } of cookie === undefined ? [] : cookieBits(cookie)) {
    claim('cookie', offset, bits);
  }
}
