import { checkInteger } from '../backend/checks.js';
import type { Eventfd } from '../backend/contract.js';

/** Argument checks: they throw before anything is asked of the system. */

export {
  checkBoolean,
  checkBytes,
  checkInteger,
  checkObject,
  checkOptions,
  checkPages,
  checkU64,
} from '../backend/checks.js';

/** Something that can be signalled; whose it is, the back end finds out. */
export function checkEventfd(value: unknown, what: string): void {
  const signal = (value as Partial<Eventfd> | null | undefined)?.signal;
  if (typeof signal !== 'function') throw new TypeError(`${what} must be an eventfd`);
}

export function checkChoice(value: unknown, what: string, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const list = choices.map((choice) => JSON.stringify(choice)).join(', ');
  throw new TypeError(`${what} must be one of ${list}`);
}

/** An access of `width` bytes, a power of two, that lies within `size` bytes and is naturally aligned. */
export function checkAccess(offset: number, width: number, size: number | bigint): void {
  checkExtent(offset, width, size);
  if ((offset & (width - 1)) !== 0) {
    throw new RangeError(`offset ${hex(offset)} is not aligned to ${width} bytes`);
  }
}

/** What fits into `width` bytes. */
export function checkValue(value: number, width: 1 | 2 | 4): void {
  checkInteger(value, 'value', 0, 0xffff_ffff >>> (32 - 8 * width));
}

/** `length` bytes at `offset` that lie within `size` bytes. */
export function checkExtent(offset: number, length: number, size: number | bigint): void {
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  checkInteger(length, 'length', 0, Number.MAX_SAFE_INTEGER);
  // A number: bigints in every access take longer than all the rest of it. From 2^53 on, where it
  // may be rounded, no device has anything.
  if (length > Number(size) - offset) {
    throw new RangeError(`${length} bytes at ${hex(offset)} are not within ${hex(size)} bytes`);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
