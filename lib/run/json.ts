const LARGEST_NUMBER = 2n ** 53n;

/** Converts a bigint to a number, or to a "0x…" string if the value is above 2^53. */
export function exact(_key: string, item: unknown): unknown {
  if (typeof item !== 'bigint') return item;
  return item <= LARGEST_NUMBER ? Number(item) : `0x${item.toString(16)}`;
}

/** Returns a value as JSON on one line. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value, exact);
}
