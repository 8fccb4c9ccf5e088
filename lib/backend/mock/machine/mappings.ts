import { findByIova } from '../../../contract/iova-order.js';
import type { HostMemory } from './host-memory.js';

/** Memory that is mapped to an IOVA range. */
export interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  readonly memory: HostMemory;
  /** Start of the mapping within the memory, in bytes. */
  readonly offset: number;
  /** Whether VFIO_DMA_UNMAP_FLAG_VADDR has invalidated the process address of the memory. */
  addressInvalid: boolean;
}

/** A list of mappings, sorted by IOVA. The mappings do not overlap. */
export class Mappings {
  readonly #sorted: Mapping[] = [];
  #bytes = 0n;

  get count(): number {
    return this.#sorted.length;
  }

  /** Bytes mapped. */
  get bytes(): bigint {
    return this.#bytes;
  }

  add(mapping: Omit<Mapping, 'addressInvalid'>): void {
    this.#sorted.splice(findByIova(this.#sorted, mapping.iova), 0, {
      ...mapping,
      addressInvalid: false,
    });
    this.#bytes += mapping.size;
    mapping.memory.pin();
  }

  /** Returns the mapping that contains an address. */
  at(iova: bigint): Mapping | undefined {
    const index = findByIova(this.#sorted, iova);
    const next = this.#sorted[index];
    if (next?.iova === iova) return next;
    const before = this.#sorted[index - 1];
    return before !== undefined && iova < before.iova + before.size ? before : undefined;
  }

  /**
   * Whether an address lies inside a mapping but not at its start. An unmap range that begins or
   * ends at this address would split the mapping.
   */
  splitsAt(iova: bigint): boolean {
    const mapping = this.at(iova);
    return mapping !== undefined && mapping.iova !== iova;
  }

  /** Whether a range overlaps a mapping. @param last - the last address of the range */
  overlaps(iova: bigint, last: bigint): boolean {
    if (this.at(iova) !== undefined) return true;
    const next = this.#sorted[findByIova(this.#sorted, iova)];
    return next !== undefined && next.iova <= last;
  }

  /** Returns the mappings that begin within an IOVA range. @param last - the last address */
  within(iova: bigint, last: bigint): readonly Mapping[] {
    return this.#sorted.slice(findByIova(this.#sorted, iova), findByIova(this.#sorted, last + 1n));
  }

  /** Removes the mappings that begin within an IOVA range. @returns number of unmapped bytes */
  remove(iova: bigint, last: bigint): bigint {
    const first = findByIova(this.#sorted, iova);
    const count = findByIova(this.#sorted, last + 1n) - first;
    let removed = 0n;
    for (const { size, memory } of this.#sorted.splice(first, count)) {
      removed += size;
      memory.unpin();
    }
    this.#bytes -= removed;
    return removed;
  }
}
