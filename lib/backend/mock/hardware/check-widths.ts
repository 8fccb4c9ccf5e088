import { checkArray, describeValue } from '../../../checks.js';

const WIDTHS: readonly unknown[] = [1, 2, 4, 8];

/**
 * Checks the width of an access in bytes.
 *
 * @param what - returns the name of the value, for the error
 * @throws RangeError if the width is not 1, 2, 4 or 8
 */
export function checkWidth(width: unknown, what: () => string): void {
  if (WIDTHS.includes(width)) return;
  throw new RangeError(`${what()} must be 1, 2, 4 or 8, not ${describeValue(width)}`);
}

/**
 * Checks the field `widths` of a register or of a BAR.
 *
 * @param of - name of the register or of the BAR, for the error
 * @throws TypeError if the value is not an array; RangeError if the array is empty, or if an element
 *   is not 1, 2, 4 or 8
 */
export function checkWidths(widths: unknown, of: string): void {
  if (widths === undefined) return;
  checkArray(widths, `widths of ${of}`);
  if (widths.length === 0) {
    throw new RangeError(`widths of ${of} must contain a width; omit widths to allow all widths`);
  }
  for (const width of widths) checkWidth(width, () => `a width of ${of}`);
}
