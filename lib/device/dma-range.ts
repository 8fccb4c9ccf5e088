import { inspect } from 'node:util';
import { checkInteger } from '../checks.js';
import type { DmaMemory } from '../contract/index.js';
import { type InspectContext, inHex, inspectAs } from '../contract/inspect.js';
import type { Lifetime } from '../contract/lifetime.js';

/** Whether the device is allowed to read the memory, to write it, or both. */
export type DmaAccess = 'read' | 'write' | 'read-write';

/** Memory and the IOVA at which the device reaches the memory. */
export interface DmaMapping<M extends DmaMemory = DmaMemory> {
  readonly memory: M;
  readonly iova: bigint;
  /** Size in bytes, a multiple of the page size. */
  readonly size: number;
  readonly access: DmaAccess;
  mapped: boolean;
  /** The lifetime ends when the memory is released. */
  readonly lifetime: Lifetime;
}

/** Creates the {@link DmaRange} of a mapping. */
export let createDmaRange: (mapping: DmaMapping, free: () => void) => DmaRange;

/**
 * A range of IOVAs at which the device reaches memory. The memory of a dma-buf is a part of a BAR of
 * another device. The memory of a memfd belongs to every process that maps the memfd. A
 * {@link DmaBuffer} is a range whose bytes this process can access.
 */
export class DmaRange {
  /** The address by which the device reaches the first byte (I/O virtual address). */
  readonly iova: bigint;
  /** Size in bytes, a multiple of the page size. */
  readonly size: number;
  /** Whether the device is allowed to read the memory, to write it, or both. */
  readonly access: DmaAccess;
  readonly #mapping: DmaMapping;
  readonly #free: () => void;

  static {
    createDmaRange = (mapping, free) => new DmaRange(mapping, free);
  }

  protected constructor(mapping: DmaMapping, free: () => void) {
    this.iova = mapping.iova;
    this.size = mapping.size;
    this.access = mapping.access;
    this.#mapping = mapping;
    this.#free = free;
  }

  /**
   * Returns the address by which the device reaches a byte of the memory.
   *
   * @param offset - bytes from the start of the memory, 0 to `size`
   */
  iovaOf(offset: number): bigint {
    checkInteger(offset, 'offset', 0, this.size);
    return this.iova + BigInt(offset);
  }

  /**
   * Whether the memory is mapped. The value is false after `free()`, `dma.unmap()` or
   * `device.close()`. The value stays true if a dma-buf is revoked: the device then no longer
   * reaches the memory, but its IOVAs stay in use.
   */
  get mapped(): boolean {
    return this.#mapping.mapped;
  }

  /**
   * Unmaps the memory (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP), then releases the memory.
   * Idempotent. If the IOMMU cannot unmap the memory, the memory stays allocated. The program can
   * then call `free()` again.
   *
   * @throws {@link VfioError} if the IOMMU cannot unmap the memory
   */
  free(): void {
    this.#free();
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    const { iova, size, access, mapped } = this;
    const shown = { iova: inHex(iova), size: inHex(size), access, mapped };
    return inspectAs('DmaRange', shown, depth, options);
  }

  /** Like {@link free}. */
  [Symbol.dispose](): void {
    this.free();
  }
}
