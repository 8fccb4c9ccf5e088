import {
  collect,
  findAtOrBelow,
  findLowest,
  insert,
  type Interval,
  remove,
  replace,
  type Tree,
} from './interval-tree.js';

export type { Interval } from './interval-tree.js';

/** A place in an interval where an allocation fits. */
export interface Fit<T extends Interval> {
  readonly interval: T;
  /** The lowest suitable address in the interval. */
  readonly iova: bigint;
}

/**
 * A list of intervals that do not overlap, sorted by address. A device can have tens of thousands of
 * mappings. The list is a balanced tree, so each operation takes logarithmic time. A `Map` by address
 * is no replacement, because V8 keeps removed entries in the chain of their hash until V8 rebuilds the
 * table. If a program maps and unmaps the same address many times, each look-up in a `Map` becomes
 * slower.
 */
export class Intervals<T extends Interval> {
  #root: Tree<T> = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Whether an interval overlaps an interval of the list. */
  overlaps({ iova, size }: Interval): boolean {
    const last = this.atOrBelow(iova + size - 1n);
    return last !== undefined && last.iova + last.size > iova;
  }

  /** Returns the interval of the list that contains an address. */
  at(address: bigint): T | undefined {
    const found = this.atOrBelow(address);
    return found !== undefined && address < found.iova + found.size ? found : undefined;
  }

  /** Returns the last interval that starts at an address or below the address. */
  atOrBelow(address: bigint): T | undefined {
    return findAtOrBelow(this.#root, address)?.interval;
  }

  /**
   * Returns the lowest place where an allocation fits, except address 0. The search skips intervals
   * that are too small.
   *
   * @param alignment - alignment of the address in bytes, a power of two
   */
  findFit(size: bigint, alignment: bigint): Fit<T> | null {
    const fits = (interval: T) =>
      lowestAligned(interval, alignment) + size <= interval.iova + interval.size;
    const found = findLowest(this.#root, Number(size), fits);
    if (found === null) return null;
    return { interval: found.interval, iova: lowestAligned(found.interval, alignment) };
  }

  /** Adds an interval. No interval of the list may start at the same address. */
  add(interval: T): void {
    this.#root = insert(this.#root, interval);
    this.#count++;
  }

  /** Removes an interval of the list. */
  remove({ iova }: T): void {
    this.#root = remove(this.#root, iova, Number(iova));
    this.#count--;
  }

  /** Replaces an interval of the list. The new interval must stay between the same neighbours. */
  replace({ iova }: T, by: T): void {
    replace(this.#root, iova, Number(iova), by);
  }

  /** Returns the intervals of the list that begin within a range. */
  within({ iova, size }: Interval): T[] {
    const found: T[] = [];
    collect(this.#root, iova, iova + size, found);
    return found;
  }

  /** Whether an address lies inside an interval of the list, but not at its start. */
  isSplitAt(address: bigint): boolean {
    const found = this.at(address);
    return found !== undefined && found.iova !== address;
  }

  /** Whether an edge of a range lies inside an interval of the list, but not at its start. */
  isSplitBy({ iova, size }: Interval): boolean {
    const first = this.at(iova);
    if (first === undefined) return this.isSplitAt(iova + size);
    // If the range is exactly one interval of the list, no second search is needed.
    return first.iova !== iova || (first.size !== size && this.isSplitAt(iova + size));
  }

  all(): T[] {
    const found: T[] = [];
    collect(this.#root, 0n, 1n << 64n, found);
    return found;
  }
}

function lowestAligned({ iova }: Interval, alignment: bigint): bigint {
  return ((iova === 0n ? 1n : iova) + alignment - 1n) & ~(alignment - 1n);
}
