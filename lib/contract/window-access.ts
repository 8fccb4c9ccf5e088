import { checkBytes, checkNumber, describeKind, describeValue } from '../checks.js';
import type { Width } from './window.js';

/** Checks that the register accesses of a block have a possible width and fill the block. */
export function checkBlock(bytes: unknown, width: unknown): asserts bytes is Uint8Array {
  checkBytes(bytes, 'a block');
  if (width !== 1 && width !== 2 && width !== 4 && width !== 8) {
    throw new RangeError(`width ${describeValue(width)} is not 1, 2, 4 or 8`);
  }
  if (bytes.length % width !== 0) {
    throw new RangeError(`a block of ${bytes.length} bytes is not a multiple of width ${width}`);
  }
}

/** Checks that an access of `length` bytes is aligned to `width` and within a window. */
export function checkWindowAccess(
  offset: unknown,
  width: Width,
  length: number,
  size: number,
): asserts offset is number {
  checkNumber(offset, 'offset');
  if (!Number.isInteger(offset) || offset % width !== 0) {
    throw new RangeError(`offset ${offset} is not a multiple of ${width}`);
  }
  if (offset < 0 || offset + length > size) {
    throw new RangeError(`${length} bytes at offset ${offset} exceed a window of ${size} bytes`);
  }
}

/** Throws the error for a value that a register of `bits` bits cannot have. */
export function refuseValue(value: unknown, bits: 8 | 16 | 32 | 64): never {
  const type = bits === 64 ? 'bigint' : 'number';
  if (typeof value !== type) {
    throw new TypeError(`value must be a ${type}, not ${describeKind(value)}`);
  }
  throw new RangeError(`value ${describeValue(value)} does not fit into ${bits} bits`);
}
