import type { IovaRange } from '../contract/index.js';
import { type Interval, Intervals } from '../contract/intervals.js';

/**
 * Allocates I/O virtual addresses. The lowest free address is used first, because many devices
 * reach only the low part of the address space. Adjacent free extents are joined.
 *
 * `allocate()` never returns address 0, because many drivers and devices treat 0 as "no address".
 * `reserve()` can reserve address 0.
 */
export class IovaAllocator {
  readonly #ranges: readonly IovaRange[];
  readonly #free = new Intervals<Interval>();

  /** @param ranges - addresses that the IOMMU lets the device use; the gaps are reserved */
  constructor(ranges: readonly IovaRange[]) {
    this.#ranges = mergeRanges(ranges);
    for (const { start, end } of this.#ranges)
      this.#free.add({ iova: start, size: end - start + 1n });
  }

  /** Whether the list of ranges is empty: the device cannot use any IOVA. */
  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /**
   * Returns whether all `size` bytes at `iova` lie in one range. The bytes can be free or
   * allocated.
   */
  isValid(iova: bigint, size: bigint): boolean {
    return this.#ranges.some(({ start, end }) => start <= iova && iova + size - 1n <= end);
  }

  /**
   * Allocates the lowest free addresses.
   * @param alignment - alignment of the address in bytes, a power of two
   * @returns an address, or null if no free extent is large enough
   */
  allocate(size: bigint, alignment: bigint): bigint | null {
    const fit = this.#free.findFit(size, alignment);
    if (fit === null) return null;
    this.#cut(fit.interval, fit.iova, size);
    return fit.iova;
  }

  /** Reserves `size` bytes at `iova`. @returns false if one of these bytes is not free */
  reserve(iova: bigint, size: bigint): boolean {
    const extent = this.#free.at(iova);
    if (extent === undefined || iova + size > extent.iova + extent.size) return false;
    this.#cut(extent, iova, size);
    return true;
  }

  /** Frees allocated or reserved addresses, and joins these addresses with free neighbours. */
  free(iova: bigint, size: bigint): void {
    const end = iova + size;
    const found = this.#free.atOrBelow(end);
    const above = found?.iova === end ? found : undefined;
    const below = above === undefined ? found : this.#free.atOrBelow(iova);
    const joinsBelow = below !== undefined && below.iova + below.size === iova;
    const start = joinsBelow ? below.iova : iova;
    const joined = { iova: start, size: end + (above?.size ?? 0n) - start };
    if (joinsBelow) {
      if (above !== undefined) this.#free.remove(above);
      this.#free.replace(below, joined);
    } else if (above !== undefined) {
      this.#free.replace(above, joined);
    } else {
      this.#free.add(joined);
    }
  }

  /** Removes addresses from a free extent. */
  #cut(extent: Interval, iova: bigint, size: bigint): void {
    const before = { iova: extent.iova, size: iova - extent.iova };
    const after = { iova: iova + size, size: extent.iova + extent.size - iova - size };
    if (before.size > 0n) {
      this.#free.replace(extent, before);
      if (after.size > 0n) this.#free.add(after);
    } else if (after.size > 0n) {
      this.#free.replace(extent, after);
    } else {
      this.#free.remove(extent);
    }
  }
}

/** Sorts the ranges that the kernel reports, and joins ranges that touch or overlap. */
function mergeRanges(ranges: readonly IovaRange[]): IovaRange[] {
  const apart: IovaRange[] = [];
  const inOrder = ranges.filter(({ start, end }) => start <= end);
  inOrder.sort((a, b) => (a.start < b.start ? -1 : Number(a.start > b.start)));
  for (const { start, end } of inOrder) {
    const below = apart.at(-1);
    if (below === undefined || below.end + 1n < start) apart.push({ start, end });
    else if (below.end < end) apart.splice(-1, 1, { start: below.start, end });
  }
  return apart;
}
