const UNITS = ['', 'K', 'M', 'G', 'T'];

/**
 * Formats a size in the largest unit that gives a whole number, for example `16K` for 16384 bytes.
 */
export function byteSize(bytes: bigint): string {
  let rest = bytes;
  let unit = 0;
  while (rest >= 1024n && rest % 1024n === 0n && unit < UNITS.length - 1) {
    rest /= 1024n;
    unit++;
  }
  return `${rest.toString()}${UNITS[unit] ?? ''}`;
}
