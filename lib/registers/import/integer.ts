import { describeValue } from '../../checks.js';

/**
 * Converts a number of an imported file: a number, or a text that is decimal, hexadecimal (`0x`),
 * binary (`#` or `0b`), or hexadecimal with `#` as in some SVD files.
 *
 * @param what - the place in the file, for the error
 */
export function integerOf(value: unknown, what: string): number {
  const number = bigintOf(value, what);
  if (number <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(number);
  throw new RangeError(`${what} is too large: ${number}`);
}

export function bigintOf(value: unknown, what: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string') {
    const text = value.trim().replace(/^\+/, '').replace(/^#/, '0b');
    // An x is a bit of a binary number that can have both values.
    const plain = text.startsWith('0b') ? text.replace(/x/gi, '0') : text;
    if (/^(0x[0-9a-f]+|0b[01]+|\d+)$/i.test(plain)) return BigInt(plain);
  }
  throw new TypeError(`${what} must be an unsigned integer, not ${describeValue(value)}`);
}
