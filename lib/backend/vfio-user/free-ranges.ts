interface Range {
  start: number;
  end: number;
}

/** The free parts of a file, sorted. Neighbouring parts are one part. */
export class FreeRanges {
  readonly #ranges: Range[];

  /** @param size - size of the file in bytes; all bytes are free */
  constructor(size: number) {
    this.#ranges = [{ start: 0, end: size }];
  }

  /**
   * Allocates the first free range that is large enough.
   * @returns the start of the range, a multiple of `alignment`; or null if no range is large enough
   */
  allocate(size: number, alignment: number): number | null {
    for (const [i, { start: first, end }] of this.#ranges.entries()) {
      const start = Math.ceil(first / alignment) * alignment;
      if (start + size > end) continue;
      const rest = [
        { start: first, end: start },
        { start: start + size, end },
      ];
      this.#ranges.splice(i, 1, ...rest.filter((range) => range.end > range.start));
      return start;
    }
    return null;
  }

  free(start: number, size: number): void {
    const ranges = this.#ranges;
    let next = ranges.findIndex((range) => range.start > start);
    if (next < 0) next = ranges.length;
    const freed = { start, end: start + size };
    const after = ranges[next];
    if (after?.start === freed.end) {
      freed.end = after.end;
      ranges.splice(next, 1);
    }
    const before = ranges[next - 1];
    if (before?.end === start) before.end = freed.end;
    else ranges.splice(next, 0, freed);
  }
}
