import type { IovaRange } from '../contract/index.js';

interface Extent {
  readonly start: bigint;
  readonly size: bigint;
}

/**
 * Hands out I/O virtual addresses: first fit from below, because many devices reach only the low
 * part of the address space. Pure bookkeeping: what is free is a sorted list of extents that do
 * not touch each other. Address 0 is never chosen, since many drivers and devices take it for
 * "none"; it can be had by asking for it.
 */
export class IovaAllocator {
  readonly #ranges: readonly IovaRange[];
  readonly #free: Extent[];

  /** @param ranges - what the IOMMU lets the device use; what lies between is reserved */
  constructor(ranges: readonly IovaRange[]) {
    this.#ranges = sound(ranges);
    this.#free = this.#ranges.map(({ start, end }) => ({ start, size: end - start + 1n }));
  }

  /** Whether there is no range at all. */
  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Whether all of it lies in one of the ranges, free or not. */
  isValid(iova: bigint, size: bigint): boolean {
    return this.#ranges.some(({ start, end }) => start <= iova && iova + size - 1n <= end);
  }

  /**
   * @param alignment - a power of two
   * @returns an address, or null if nothing that large is free
   */
  allocate(size: bigint, alignment: bigint): bigint | null {
    for (const [i, extent] of this.#free.entries()) {
      const iova = alignUp(extent.start === 0n ? 1n : extent.start, alignment);
      if (iova + size <= extent.start + extent.size) {
        this.#take(i, extent, iova, size);
        return iova;
      }
    }
    return null;
  }

  /** Takes the very addresses asked for. @returns false if not all of them are free */
  reserve(iova: bigint, size: bigint): boolean {
    const i = this.#indexAfter(iova) - 1;
    const extent = this.#free[i];
    if (extent === undefined || iova + size > extent.start + extent.size) return false;
    this.#take(i, extent, iova, size);
    return true;
  }

  /** Gives back what `allocate` or `reserve` gave; neighbours that are free become one. */
  free(iova: bigint, size: bigint): void {
    this.#insert(iova, size);
  }

  #take(i: number, extent: Extent, iova: bigint, size: bigint): void {
    const before = { start: extent.start, size: iova - extent.start };
    const after = { start: iova + size, size: extent.start + extent.size - iova - size };
    this.#free.splice(i, 1, ...[before, after].filter((rest) => rest.size > 0n));
  }

  #insert(start: bigint, size: bigint): void {
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

  /** Index of the first free extent that starts after `iova`, by bisection. */
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

/** In order and apart from each other, whatever the kernel gave: no address is there twice. */
function sound(ranges: readonly IovaRange[]): IovaRange[] {
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
