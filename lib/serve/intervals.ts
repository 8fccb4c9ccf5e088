/** A range of addresses. */
export interface Interval {
  readonly iova: bigint;
  readonly size: bigint;
}

/** A list of ranges that do not overlap, sorted by address. */
export class Intervals<T extends Interval> {
  readonly #sorted: T[] = [];

  get count(): number {
    return this.#sorted.length;
  }

  /** Whether a range overlaps a range of the list. */
  overlaps({ iova, size }: Interval): boolean {
    const next = this.#findIndex(iova);
    const before = this.#sorted[next - 1];
    const after = this.#sorted[next];
    return (
      (before !== undefined && before.iova + before.size > iova) ||
      (after !== undefined && after.iova < iova + size)
    );
  }

  add(interval: T): void {
    this.#sorted.splice(this.#findIndex(interval.iova), 0, interval);
  }

  remove(interval: T): void {
    const index = this.#findIndex(interval.iova);
    if (this.#sorted[index] === interval) this.#sorted.splice(index, 1);
  }

  /** Returns the ranges of the list that begin within a range. */
  within({ iova, size }: Interval): T[] {
    return this.#sorted.slice(this.#findIndex(iova), this.#findIndex(iova + size));
  }

  /** Whether an edge of a range lies inside a range of the list. */
  isSplitBy({ iova, size }: Interval): boolean {
    return [iova, iova + size].some((edge) => {
      const before = this.#sorted[this.#findIndex(edge) - 1];
      return before !== undefined && before.iova + before.size > edge;
    });
  }

  all(): T[] {
    return [...this.#sorted];
  }

  /** Returns the index of the first range that begins at an address or after the address. */
  #findIndex(iova: bigint): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const interval = this.#sorted[middle];
      if (interval !== undefined && interval.iova < iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
