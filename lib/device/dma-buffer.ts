import { checkInteger } from '../checks.js';
import type { Memory } from '../contract/index.js';
import type { Lifetime } from '../contract/lifetime.js';

/** Whether the device is allowed to read the memory, to write it, or both. */
export type DmaAccess = 'read' | 'write' | 'read-write';

/** Memory and the IOVA at which the device reaches the memory. */
export interface DmaMapping {
  readonly memory: Memory;
  readonly iova: bigint;
  /** Size in bytes, a multiple of the page size. */
  readonly size: number;
  readonly access: DmaAccess;
  mapped: boolean;
  /** The lifetime ends when the memory is released. */
  readonly lifetime: Lifetime;
}

/** Creates the {@link DmaBuffer} of a mapping. */
export let createDmaBuffer: (mapping: DmaMapping, free: () => void) => DmaBuffer;

/**
 * Memory that the program shares with the device. Poll this memory with `Atomics.load`, because the
 * optimizer of V8 can remove or merge plain reads.
 */
export class DmaBuffer {
  /** The address by which the device reaches the first byte (I/O virtual address). */
  readonly iova: bigint;
  /** Size in bytes, a multiple of the page size. */
  readonly size: number;
  /** Whether the device is allowed to read the buffer, to write it, or both. */
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
   * All bytes of the buffer. If `dma.allocate()` created the buffer, {@link free} detaches all
   * views of the memory. A detached view has the length 0.
   *
   * @throws {@link VfioError} EBADF after {@link free} and after the device is closed
   */
  get bytes(): Uint8Array {
    this.#mapping.lifetime.check();
    return this.#bytes;
  }

  /**
   * The memory that {@link bytes} shows. A program can create views of other types on this memory.
   * Throws the same error as {@link bytes}.
   */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.#mapping.lifetime.check();
    return this.#bytes.buffer;
  }

  /**
   * Returns the address by which the device reaches a byte of the buffer.
   *
   * @param offset - bytes from the start of the buffer, 0 to `size`
   */
  iovaOf(offset: number): bigint {
    checkInteger(offset, 'offset', 0, this.size);
    return this.iova + BigInt(offset);
  }

  /**
   * Whether the buffer is mapped. The value is false after `free()`, `dma.unmap()` or
   * `device.close()`.
   */
  get mapped(): boolean {
    return this.#mapping.mapped;
  }

  /**
   * Unmaps the buffer (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP), then releases its memory.
   * Idempotent. If the IOMMU cannot unmap the buffer, the memory stays allocated. The program can
   * then call `free()` again.
   *
   * @throws {@link VfioError} if the IOMMU cannot unmap the buffer
   */
  free(): void {
    this.#free();
  }

  /** Like {@link free}. */
  [Symbol.dispose](): void {
    this.free();
  }
}
