import { checkInteger, checkOptions, U32_MAX } from '../../checks.js';

/**
 * A value that identifies the owner of a slot, for example a PASID on DSA. The device sends the
 * interrupt of a slot only for work with the same value. A cookie of up to 32 bits is a number, and
 * a longer cookie is a bigint. If the cookie is null, the device checks no value.
 */
export type Cookie = number | bigint | null;

/** Bits of one 32-bit word of a slot. */
export interface SlotBits {
  /** Offset of the word in bytes from the start of the slot. */
  readonly offset: number;
  /** Mask of the bits in the word: 1 << 0 is bit 0. */
  readonly bits: number;
}

const SLOT_BITS = ['offset', 'bits'];
/** The bit operators of JavaScript return signed values. */
const S32_MIN = -(2 ** 31);
/** Largest offset of a word in a slot, in bytes. */
const OFFSET_MAX = 2 ** 20 - 4;

/** Location of the cookie in a slot. */
export interface CookieField {
  /** Offset in bytes of the word that contains the lowest bit of the cookie. */
  readonly offset: number;
  /**
   * The bits that enable the check of the cookie: a mask of bits in the word at `offset`, or bits
   * of another word. Default: 0. Without an enable bit, the device always checks the cookie, and a
   * slot cannot have the cookie null.
   */
  readonly enable?: number | SlotBits | undefined;
  /** Lowest bit of the cookie in the word at `offset`: 0 to 31. */
  readonly shift: number;
  /**
   * Number of bits of the cookie: 1 to 64. If the cookie does not fit into the word at `offset`,
   * the cookie continues at bit 0 of the next word.
   */
  readonly width: number;
}

/** The bits of a cookie that one word contains. */
interface CookiePart extends SlotBits {
  /** Lowest bit in the word. */
  readonly shift: number;
  /** The bit of the cookie that is at `shift`. */
  readonly from: number;
}

function partsOf({ offset, shift, width }: CookieField): CookiePart[] {
  const parts: CookiePart[] = [];
  for (let from = 0; from < width;) {
    const at = shift + from;
    const low = at % 32;
    const count = Math.min(32 - low, width - from);
    const bits = ((2 ** count - 1) * 2 ** low) >>> 0;
    parts.push({ offset: offset + 4 * Math.floor(at / 32), bits, shift: low, from });
    from += count;
  }
  return parts;
}

function enableOf({ offset, enable = 0 }: CookieField): SlotBits | null {
  const field = typeof enable === 'number' ? { offset, bits: enable } : enable;
  return field.bits === 0 ? null : field;
}

/** Returns the bits that a cookie uses in the words of a slot: first the enable bits, if any. */
export function cookieBits(field: CookieField): SlotBits[] {
  const enable = enableOf(field);
  return enable === null ? partsOf(field) : [enable, ...partsOf(field)];
}

/** Whether the device always checks the cookie, because the slot has no enable bit. */
export function requiresCookie(field: CookieField): boolean {
  return enableOf(field) === null;
}

/** @throws TypeError or RangeError if a property is unknown, or the shift or the width is invalid */
export function checkCookieField(field: CookieField): void {
  checkOptions(field, ['offset', 'enable', 'shift', 'width'], 'cookie');
  const { offset, enable = 0, shift, width } = field;
  checkInteger(offset, 'cookie.offset', 0, OFFSET_MAX);
  if (typeof enable === 'number') {
    checkInteger(enable, 'cookie.enable', S32_MIN, U32_MAX);
  } else {
    checkOptions(enable, SLOT_BITS, 'cookie.enable');
    checkInteger(enable.offset, 'cookie.enable.offset', 0, OFFSET_MAX);
    checkInteger(enable.bits, 'cookie.enable.bits', S32_MIN, U32_MAX);
  }
  checkInteger(width, 'cookie.width', 1, 64);
  checkInteger(shift, 'cookie.shift', 0, 31);
}

/**
 * Checks that a cookie fits into its field.
 * @throws TypeError if a cookie of more than 32 bits is not a bigint, or a shorter cookie is not a
 *   number; RangeError if the cookie has too many bits
 */
export function checkCookieValue({ width }: CookieField, cookie: number | bigint): void {
  if (width <= 32) {
    checkInteger(cookie, 'cookie', 0, 2 ** width - 1);
    return;
  }
  if (typeof cookie !== 'bigint') {
    throw new TypeError(`cookie must be a bigint, because the cookie has ${width} bits`);
  }
  if (cookie < 0n || cookie >> BigInt(width) !== 0n) {
    throw new RangeError(`cookie must be from 0 to 2^${width} - 1, not ${cookie}`);
  }
}

/** Decodes a cookie. @param read - returns the word at an offset of the slot */
export function decodeCookie(field: CookieField, read: (offset: number) => number): Cookie {
  const enable = enableOf(field);
  if (enable !== null && (read(enable.offset) & enable.bits) === 0) return null;
  let value = 0n;
  for (const { offset, bits, shift, from } of partsOf(field)) {
    value |= BigInt((read(offset) & bits) >>> shift) << BigInt(from);
  }
  return field.width > 32 ? value : Number(value);
}

/** Encodes a cookie. Each word of the slot occurs once in the result. */
export function encodeCookie(
  field: CookieField,
  cookie: Cookie,
): (SlotBits & { readonly value: number })[] {
  const words = new Map<number, { offset: number; bits: number; value: number }>();
  const add = ({ offset, bits }: SlotBits, value: number) => {
    const word = words.get(offset) ?? { offset, bits: 0, value: 0 };
    words.set(offset, { offset, bits: word.bits | bits, value: word.value | value });
  };
  for (const part of partsOf(field)) {
    const { bits, shift, from } = part;
    add(part, Number((BigInt(cookie ?? 0) >> BigInt(from)) & BigInt(bits >>> shift)) << shift);
  }
  const enable = enableOf(field);
  if (enable !== null) add(enable, cookie === null ? 0 : enable.bits);
  return [...words.values()];
}
