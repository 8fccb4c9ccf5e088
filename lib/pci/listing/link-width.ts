const WIDTHS: Readonly<Record<number, string>> = {
  0: 'x1',
  1: 'x2',
  2: 'x4',
  3: 'x8',
  4: 'x16',
  7: 'Dynamic',
};

/** Formats a link width that is encoded in 3 bits: section 7.7.9.3. */
export function linkWidth(code: number): string {
  return WIDTHS[code] ?? `Unknown (${code})`;
}
