import { checkInteger } from '../../checks.js';

/** What isolates an interrupt of one from another's: on DSA a PASID. null: nothing is checked. */
export type Cookie = number | null;

/** Bits of one 32-bit word of a slot. */
export interface SlotBits {
  /** Of the word, in bytes from the start of the slot. */
  readonly offset: number;
  /** A mask of the word: 1 << 0 is bit 0. */
  readonly bits: number;
}

/** Where a slot holds what it is isolated by. */
export interface CookieField {
  /** Of the word, in bytes from the start of the slot. */
  readonly offset: number;
  /** The bits that switch the check on. */
  readonly enable: number;
  /** Lowest bit of the cookie in the word. */
  readonly shift: number;
  /** Bits. */
  readonly width: number;
}

/** The words of a message. */
export type MessageWord = 'addressLow' | 'addressHigh' | 'data';

export const MESSAGE_WORDS: readonly MessageWord[] = ['addressLow', 'addressHigh', 'data'];

/** How a device lays out one slot of its interrupt message store: 32-bit words, little endian. */
export interface SlotLayout {
  readonly name: string;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  /** Words of the message, in bytes from the start of the slot. */
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
  /** In which order they are written. Default: address low, address high, data. */
  readonly order?: readonly MessageWord[] | undefined;
  /** While set the device keeps the interrupt. */
  readonly mask?: SlotBits | undefined;
  /** Set by the device while it keeps one; sent when the mask is cleared. */
  readonly pending?: SlotBits | undefined;
  /** Would switch the check of the cookie off. Never set here. */
  readonly ignore?: SlotBits | undefined;
  readonly cookie?: CookieField | undefined;
}

/** Intel's Data Streaming Accelerator: a control word with the PASID in bits 31:12. */
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

/** Whether a slot can be changed while it is live: it is masked, and keeps what fires meanwhile. */
export function canHold(layout: SlotLayout): boolean {
  return layout.mask !== undefined && layout.pending !== undefined;
}

/** The offsets of the words of a slot that are used, each once. */
export function wordsOf(layout: SlotLayout): number[] {
  const { addressLow, addressHigh, data, mask, pending, ignore, cookie } = layout;
  const control = [mask, pending, ignore, cookie].flatMap((field) => field?.offset ?? []);
  return [...new Set([addressLow, addressHigh, data, ...control])];
}

/** @throws RangeError if words of the slot overlap or lie outside of it */
export function checkLayout(layout: SlotLayout): void {
  const { stride, addressLow, addressHigh, data, mask, pending, ignore, cookie } = layout;
  checkInteger(stride, 'stride', 12, 2 ** 20);
  if (stride % 4 !== 0) throw new RangeError(`stride ${stride} is not a multiple of 4`);
  for (const offset of wordsOf(layout)) {
    checkInteger(offset, 'offset of a word', 0, stride - 4);
    if (offset % 4 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 4`);
  }
  const { order = MESSAGE_WORDS } = layout;
  if (order.length !== 3 || MESSAGE_WORDS.some((word) => !order.includes(word))) {
    throw new RangeError(`order must name ${MESSAGE_WORDS.join(', ')} once each`);
  }
  const message = [addressLow, addressHigh, data];
  if (new Set(message).size < 3) throw new RangeError('the words of the message overlap');
  const used = new Map<number, number>(message.map((offset) => [offset, 0xffff_ffff]));
  const take = (what: string, offset: number, bits: number) => {
    const before = used.get(offset) ?? 0;
    if (bits === 0 || (before & bits) !== 0) throw new RangeError(`${what} overlaps or is empty`);
    used.set(offset, before | bits);
  };
  if (mask !== undefined) take('mask', mask.offset, mask.bits);
  if (pending !== undefined) take('pending', pending.offset, pending.bits);
  if (ignore !== undefined) take('ignore', ignore.offset, ignore.bits);
  if (cookie === undefined) return;
  checkInteger(cookie.width, 'cookie.width', 1, 31);
  checkInteger(cookie.shift, 'cookie.shift', 0, 32 - cookie.width);
  take('cookie', cookie.offset, cookie.enable | (((1 << cookie.width) - 1) << cookie.shift));
}
