import { checkChoice, checkInteger, checkNumber, checkU64, checkValue } from '../../checks.js';
import type { AccessWidth } from '../store/guest-access.js';

/**
 * Checks an access to a capability.
 * @param size - size of the capability in bytes
 */
export function checkConfigAccess(
  offset: unknown,
  width: unknown,
  size: number,
): asserts width is 1 | 2 | 4 {
  checkChoice(width, 'width', [1, 2, 4]);
  checkInteger(offset, 'offset', 0, size - (width as number));
}

/** Checks a write to a capability. @param size - size of the capability in bytes */
export function checkConfigWrite(
  offset: unknown,
  width: unknown,
  value: unknown,
  size: number,
): void {
  checkConfigAccess(offset, width, size);
  checkValue(value as number, width);
}

/**
 * Checks the types of the arguments of an access to a BAR. All offsets of type number are allowed,
 * because a guest can access every offset.
 */
export function checkBarAccess(offset: unknown, width: unknown): void {
  checkNumber(offset, 'offset');
  checkChoice(width, 'width', [1, 2, 4, 8]);
}

/** Checks that a value is unsigned and fits into `width` bytes. */
export function checkBarValue(value: unknown, width: AccessWidth): void {
  if (width === 8) checkU64(value, 'value');
  else checkValue(value as number, width);
}

/** Joins the `width` bytes from `offset` on to a little-endian number. */
export function joinBytes(byte: (offset: number) => number, offset: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + byte(offset + i);
  return value;
}
