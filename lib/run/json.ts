const LARGEST_NUMBER = 2n ** 53n;

/** Bigints as numbers up to 2^53, above as "0x…" strings. */
export function exact(_key: string, item: unknown): unknown {
  if (typeof item !== 'bigint') return item;
  return item <= LARGEST_NUMBER ? Number(item) : `0x${item.toString(16)}`;
}

/** JSON on one line. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value, exact);
}
