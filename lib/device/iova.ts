import type { IovaRange } from '../contract/index.js';

interface Extent {
  readonly start: bigint;
  readonly size: bigint;
}

/**
 * Allocates I/O virtual addresses. The lowest free address is used first, because many devices
 * reach only the low part of the address space. The free extents are kept in a sorted list, and
 * adjacent extents are joined.
 *
 * `allocate()` never returns address 0, because many drivers and devices treat 0 as "no address".
 * `reserve()` can reserve address 0.
 */
export class IovaAllocator {
  readonly #ranges: readonly IovaRange[];
  readonly #free: Extent[];

  /** @param ranges - addresses that the IOMMU lets the device use; the gaps are reserved */
  constructor(ranges: readonly IovaRange[]) {
    this.#ranges = mergeRanges(ranges);
    this.#free = this.#ranges.map(({ start, end }) => ({ start, size: end - start + 1n }));
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
    for (const [i, extent] of this.#free.entries()) {
      const iova = alignUp(extent.start === 0n ? 1n : extent.start, alignment);
      if (iova + size <= extent.start + extent.size) {
        this.#removeFromExtent(i, extent, iova, size);
        return iova;
      }
    }
    return null;
  }

  /** Reserves `size` bytes at `iova`. @returns false if one of these bytes is not free */
  reserve(iova: bigint, size: bigint): boolean {
    const i = this.#indexAfter(iova) - 1;
    const extent = this.#free[i];
    if (extent === undefined || iova + size > extent.start + extent.size) return false;
    this.#removeFromExtent(i, extent, iova, size);
    return true;
  }

  /** Frees allocated or reserved addresses, and joins these addresses with free neighbours. */
  free(iova: bigint, size: bigint): void {
    this.#insertExtent(iova, size);
  }

  #removeFromExtent(i: number, extent: Extent, iova: bigint, size: bigint): void {
    const before = { start: extent.start, size: iova - extent.start };
    const after = { start: iova + size, size: extent.start + extent.size - iova - size };
    this.#free.splice(i, 1, ...[before, after].filter((rest) => rest.size > 0n));
  }

  #insertExtent(start: bigint, size: bigint): void {
    const i = this.#indexAfter(start);
    const below = this.#free[i - 1];
    const above = this.#free[i];
    const joinsBelow = below !== undefined && below.start + below.size === start;
    const joinsAbove = above?.start === start + size;
    const joined = {
      start: joinsBelow ? below.start : start,
      size: size + (joinsBelow ? below.size : 0n) + (joinsAbove ? above.size : 0n),
    };
    this.#free.splice(i - Number(joinsBelow), Number(joinsBelow) + Number(joinsAbove), joined);
  }

  /** Returns the index of the first free extent that starts above `iova` (binary search). */
  #indexAfter(iova: bigint): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = this.#free[middle];
      if (extent !== undefined && extent.start <= iova) low = middle + 1;
      else high = middle;
    }
    return low;
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

function alignUp(value: bigint, alignment: bigint): bigint {
  return (value + alignment - 1n) & ~(alignment - 1n);
}
