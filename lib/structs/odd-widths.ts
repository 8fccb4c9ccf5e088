/** Numbers of 24 and 48 bits, which DataView lacks. Each function makes two accesses. */
import { describeKind } from '../checks.js';

/* eslint-disable @typescript-eslint/unbound-method -- `call` gives the methods their `this`. */
const { getUint8, getUint16, getUint32, setUint8, setUint16, setUint32 } = DataView.prototype;
/* eslint-enable @typescript-eslint/unbound-method */

export function getUint24(this: DataView, offset: number, isLittleEndian: boolean): number {
  return isLittleEndian
    ? getUint16.call(this, offset, true) | (getUint8.call(this, offset + 2) << 16)
    : (getUint8.call(this, offset) << 16) | getUint16.call(this, offset + 1, false);
}

/** @param value - 24 bits */
export function setUint24(
  this: DataView,
  offset: number,
  value: number,
  isLittleEndian: boolean,
): void {
  setUint8.call(this, isLittleEndian ? offset + 2 : offset, value >> 16);
  setUint16.call(this, isLittleEndian ? offset : offset + 1, value & 0xffff, isLittleEndian);
}

export function getBigUint48(this: DataView, offset: number, isLittleEndian: boolean): bigint {
  const high = getUint16.call(this, isLittleEndian ? offset + 4 : offset, isLittleEndian);
  const low = getUint32.call(this, isLittleEndian ? offset : offset + 2, isLittleEndian);
  return BigInt(high * 2 ** 32 + low);
}

/** @param value - 48 bits */
export function setBigUint48(
  this: DataView,
  offset: number,
  value: bigint,
  isLittleEndian: boolean,
): void {
  const number = Number(value);
  const high = Math.floor(number / 2 ** 32);
  setUint16.call(this, isLittleEndian ? offset + 4 : offset, high, isLittleEndian);
  setUint32.call(this, isLittleEndian ? offset : offset + 2, number >>> 0, isLittleEndian);
}

/** Throws the error for a value that a number of 48 bits cannot have. */
export function refuseUint48(name: string, value: unknown): asserts value is bigint {
  if (typeof value !== 'bigint') {
    throw new TypeError(`member ${name} must be a bigint, not ${describeKind(value)}`);
  }
  throw new RangeError(`member ${name} has 48 bits: ${value} does not fit`);
}
