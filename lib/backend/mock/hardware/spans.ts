/** A named range of bytes in a BAR or in configuration space. */
export interface Span {
  readonly offset: number;
  readonly length: number;
  /** Name for error messages. */
  readonly name: string;
}

/**
 * Checks that spans do not overlap.
 *
 * @param where - the beginning of an error message
 * @throws RangeError if two spans overlap
 */
export function checkOverlaps(where: string, spans: readonly Span[]): void {
  let span: Span | undefined;
  for (const next of spans.toSorted((a, b) => a.offset - b.offset)) {
    const before = span;
    span = next;
    if (before === undefined || before.offset + before.length <= next.offset) continue;
    throw new RangeError(
      `${where}: ${next.name} at ${hex(next.offset)} overlaps ${before.name}, ` +
        `which ends at ${hex(before.offset + before.length)}`,
    );
  }
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value));
}
