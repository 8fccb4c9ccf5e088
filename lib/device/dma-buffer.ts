import type { Memory } from '../contract/index.js';

/** What the DEVICE may do with memory. */
export type DmaAccess = 'read' | 'write' | 'read-write';

/** Memory, and where the device sees it. */
export interface DmaMapping {
  readonly memory: Memory;
  readonly iova: bigint;
  /** Bytes, whole pages. */
  readonly size: number;
  readonly access: DmaAccess;
  mapped: boolean;
}

/**
 * Memory that program and device share. Poll what the device writes with `Atomics.load`: the
 * optimizer may drop or merge plain reads.
 */
export class DmaBuffer {
  /** Address of the first byte as the device sees it. */
  readonly iova: bigint;
  /** Bytes, whole pages. */
  readonly size: number;
  /** What the device may do with it. */
  readonly access: DmaAccess;
  /** All of it. Once freed, memory that was allocated here is detached: its length is 0. */
  readonly bytes: Uint8Array;
  /** What `bytes` is a view of: for views of other types. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #mapping: DmaMapping;
  readonly #free: () => void;

  /** @internal */
  constructor(mapping: DmaMapping, free: () => void) {
    this.iova = mapping.iova;
    this.size = mapping.size;
    this.access = mapping.access;
    this.buffer = mapping.memory.buffer;
    this.bytes = new Uint8Array(this.buffer, 0, mapping.size);
    this.#mapping = mapping;
    this.#free = free;
  }

  /** Whether the device can reach it: not after `free`, `unmap` or the closing of the device. */
  get mapped(): boolean {
    return this.#mapping.mapped;
  }

  /**
   * Takes it from the device (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP), then lets go of the
   * memory. Idempotent. If unmapping fails the memory stays, and this can be tried again.
   *
   * @throws {@link VfioError} of the unmapping
   */
  free(): void {
    this.#free();
  }

  /** As {@link free}. */
  [Symbol.dispose](): void {
    this.free();
  }
}
