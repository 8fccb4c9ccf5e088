const UNITS = ['', 'K', 'M', 'G', 'T'];

/** Formats a number of bytes in the largest unit that divides the number, for example `16K`. */
export function byteSize(bytes: bigint): string {
  let rest = bytes;
  let unit = 0;
  while (rest >= 1024n && rest % 1024n === 0n && unit < UNITS.length - 1) {
    rest /= 1024n;
    unit++;
  }
  return `${rest.toString()}${UNITS[unit] ?? ''}`;
}
