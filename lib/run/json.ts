const LARGEST_NUMBER = 2n ** 53n;

/** Converts bigints: up to 2^53 to numbers, above to "0x…" strings. */
export function exact(_key: string, item: unknown): unknown {
  if (typeof item !== 'bigint') return item;
  return item <= LARGEST_NUMBER ? Number(item) : `0x${item.toString(16)}`;
}

/** Returns a value as JSON on one line. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value, exact);
}
