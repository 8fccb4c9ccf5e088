/** Bigints as numbers where exact, else as "0x…" strings. */
function exact(_key: string, item: unknown): unknown {
  if (typeof item !== 'bigint') return item;
  const safe = item >= Number.MIN_SAFE_INTEGER && item <= Number.MAX_SAFE_INTEGER;
  return safe ? Number(item) : `0x${item.toString(16)}`;
}

/** JSON for programs that a person may read too. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, exact, 2);
}

/** JSON on one line. */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value, exact);
}
