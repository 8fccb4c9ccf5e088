/** Rules for the accesses of a guest to the registers of a table. */

/** Width in bytes of one access to a BAR. */
export type AccessWidth = 1 | 2 | 4 | 8;

/** Whether a guest can access the register at `offset` with one access of `width` bytes. */
export function isValidAccess(offset: number, width: number, size: number): boolean {
  if (typeof offset !== 'number') return false;
  const aligned =
    (width === 4 && (offset & ~3) === offset) || (width === 8 && (offset & ~7) === offset);
  return aligned && offset >= 0 && offset < size;
}

/** Returns the value of a read that no register answers. */
export function allOnes(width: AccessWidth): number | bigint {
  return width === 8 ? 2n ** 64n - 1n : 2 ** (8 * width) - 1;
}
