import type { MockMemory } from './memory.js';

/** What an IOVA range is mapped to. */
export interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  readonly memory: MockMemory;
  /** Where in the memory it begins. */
  readonly offset: number;
}

/** Mappings by IOVA, ascending; they do not overlap. */
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

  add(mapping: Mapping): void {
    this.#sorted.splice(this.#from(mapping.iova), 0, mapping);
    this.#bytes += mapping.size;
    mapping.memory.pin();
  }

  /** The mapping that an address lies in. */
  at(iova: bigint): Mapping | undefined {
    const index = this.#from(iova);
    const next = this.#sorted[index];
    if (next?.iova === iova) return next;
    const before = this.#sorted[index - 1];
    return before !== undefined && iova < before.iova + before.size ? before : undefined;
  }

  /** Whether an address lies inside a mapping and not at its start. */
  cuts(iova: bigint): boolean {
    const mapping = this.at(iova);
    return mapping !== undefined && mapping.iova !== iova;
  }

  /** @param last - the last address of the range */
  overlaps(iova: bigint, last: bigint): boolean {
    if (this.at(iova) !== undefined) return true;
    const next = this.#sorted[this.#from(iova)];
    return next !== undefined && next.iova <= last;
  }

  /** Removes what begins within a range. @returns its bytes */
  remove(iova: bigint, last: bigint): bigint {
    const from = this.#from(iova);
    let removed = 0n;
    for (const { size, memory } of this.#sorted.splice(from, this.#from(last + 1n) - from)) {
      removed += size;
      memory.unpin();
    }
    this.#bytes -= removed;
    return removed;
  }

  /** Index of the first mapping that does not begin before an address. */
  #from(iova: bigint): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mapping = this.#sorted[middle];
      if (mapping !== undefined && mapping.iova < iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
