import type { Memory } from '../contract/index.js';
import type { Lifetime } from '../contract/lifetime.js';

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
  /** Ends with the memory. */
  readonly lifetime: Lifetime;
}

/** Creates the {@link DmaBuffer} of a mapping. */
export let createDmaBuffer: (mapping: DmaMapping, free: () => void) => DmaBuffer;

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
  readonly #bytes: Uint8Array;
  readonly #mapping: DmaMapping;
  readonly #free: () => void;

  static {
    createDmaBuffer = (mapping, free) => new DmaBuffer(mapping, free);
  }

  private constructor(mapping: DmaMapping, free: () => void) {
    this.iova = mapping.iova;
    this.size = mapping.size;
    this.access = mapping.access;
    this.#bytes = new Uint8Array(mapping.memory.buffer, 0, mapping.size);
    this.#mapping = mapping;
    this.#free = free;
  }

  /**
   * All of the memory. A view that the program has kept is detached when allocated memory is freed:
   * its length is 0.
   *
   * @throws {@link VfioError} EBADF once the buffer is freed, by {@link free} or with the device
   */
  get bytes(): Uint8Array {
    this.#mapping.lifetime.check();
    return this.#bytes;
  }

  /** The memory behind `bytes`, for views of other types. Throws as {@link bytes}. */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.#mapping.lifetime.check();
    return this.#bytes.buffer;
  }

  /** Whether the device can reach it: not after `free`, `unmap` or the closing of the device. */
  get mapped(): boolean {
    return this.#mapping.mapped;
  }

  /**
   * Unmaps the memory (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP), then releases it. Idempotent. If
   * unmapping fails the memory stays, and the call can be repeated.
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
