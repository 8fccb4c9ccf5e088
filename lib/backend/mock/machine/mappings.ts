import { type Interval, Intervals } from '../../../contract/intervals.js';
import type { HostMemory } from './host-memory.js';

/** Memory that is mapped to an IOVA range. */
export interface Mapping extends Interval {
  readonly flags: number;
  readonly memory: HostMemory;
  /** Start of the mapping within the memory, in bytes. */
  readonly offset: number;
  /** Whether VFIO_DMA_UNMAP_FLAG_VADDR has invalidated the process address of the memory. */
  addressInvalid: boolean;
}

/** A list of mappings, sorted by IOVA. The mappings do not overlap. */
export class Mappings {
  readonly #list = new Intervals<Mapping>();
  #bytes = 0n;

  get count(): number {
    return this.#list.count;
  }

  /** Bytes mapped. */
  get bytes(): bigint {
    return this.#bytes;
  }

  add({ iova, size, flags, memory, offset }: Omit<Mapping, 'addressInvalid'>): void {
    this.#list.add({ iova, size, flags, memory, offset, addressInvalid: false });
    this.#bytes += size;
    memory.pin();
  }

  /** Returns the mapping that contains an address. */
  at(iova: bigint): Mapping | undefined {
    return this.#list.at(iova);
  }

  /**
   * Whether an address lies inside a mapping but not at its start. An unmap range that begins or
   * ends at this address would split the mapping.
   */
  splitsAt(iova: bigint): boolean {
    return this.#list.isSplitAt(iova);
  }

  /** Whether an unmap of a range would split a mapping. @param last - the last address of the range */
  areSplitBy(iova: bigint, last: bigint): boolean {
    return this.#list.isSplitBy({ iova, size: last - iova + 1n });
  }

  /** Whether a range overlaps a mapping. @param last - the last address of the range */
  overlaps(iova: bigint, last: bigint): boolean {
    return this.#list.overlaps({ iova, size: last - iova + 1n });
  }

  /** Returns the mappings that begin within an IOVA range. @param last - the last address */
  within(iova: bigint, last: bigint): readonly Mapping[] {
    return this.#list.within({ iova, size: last - iova + 1n });
  }

  /** Removes the mappings that begin within an IOVA range. @returns number of unmapped bytes */
  remove(iova: bigint, last: bigint): bigint {
    const before = this.#bytes;
    for (const mapping of this.within(iova, last)) {
      this.#list.remove(mapping);
      this.#bytes -= mapping.size;
      mapping.memory.unpin();
    }
    return before - this.#bytes;
  }
}
