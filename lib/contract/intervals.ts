import { findByIova } from './iova-order.js';

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
    const next = findByIova(this.#sorted, iova);
    const before = this.#sorted[next - 1];
    const after = this.#sorted[next];
    return (
      (before !== undefined && before.iova + before.size > iova) ||
      (after !== undefined && after.iova < iova + size)
    );
  }

  /** Returns the range of the list that contains an address. */
  at(address: bigint): T | undefined {
    const index = findByIova(this.#sorted, address + 1n) - 1;
    const found = this.#sorted[index];
    return found !== undefined && address < found.iova + found.size ? found : undefined;
  }

  add(interval: T): void {
    this.#sorted.splice(findByIova(this.#sorted, interval.iova), 0, interval);
  }

  remove(interval: T): void {
    const index = findByIova(this.#sorted, interval.iova);
    if (this.#sorted[index] === interval) this.#sorted.splice(index, 1);
  }

  /** Returns the ranges of the list that begin within a range. */
  within({ iova, size }: Interval): T[] {
    const first = findByIova(this.#sorted, iova);
    return this.#sorted.slice(first, findByIova(this.#sorted, iova + size));
  }

  /** Whether an edge of a range lies inside a range of the list. */
  isSplitBy({ iova, size }: Interval): boolean {
    return [iova, iova + size].some((edge) => {
      const before = this.#sorted[findByIova(this.#sorted, edge) - 1];
      return before !== undefined && before.iova + before.size > edge;
    });
  }

  all(): T[] {
    return [...this.#sorted];
  }
}
