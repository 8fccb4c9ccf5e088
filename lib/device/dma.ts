import type { AddressSpace, DmaMemory, IovaRange } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import { VfioError } from '../errors.js';
import { freeIova, allocateIova } from './addresses.js';
import { checkInteger, checkU64, hex, PAGE_SIZE } from '../checks.js';
import { createDmaBuffer, type DmaBuffer } from './dma-buffer.js';
import {
  type DmaFile,
  type DmaImport,
  type DmaOptions,
  type DmaPlan,
  isImport,
  planAllocation,
  planImport,
  planSource,
} from './dma-plan.js';
import { createDmaRange, type DmaMapping, type DmaRange } from './dma-range.js';
import { createDmaPool, type DmaPool, type DmaPoolOptions } from './dma-pool.js';
import type { Handle } from './handle.js';

/** Creates the object of a mapping for the program. */
type Create<M extends DmaMemory, R> = (mapping: DmaMapping<M>, free: () => void) => R;

/** Creates the {@link DmaSpace} of a device. */
export let createDmaSpace: (handle: Handle) => DmaSpace;

/**
 * The memory that the device can reach by DMA. Set `bus_master` in the command register before the
 * device starts DMA. Memory stays allocated while it is mapped. Closing the device unmaps all
 * memory.
 *
 * A failed mapping throws a {@link VfioError}: ENOMEM (RLIMIT_MEMLOCK is too low, or no huge pages
 * are reserved), EEXIST (the IOVA is already mapped), ENOSPC (no address or no mapping entry is
 * free), EFAULT, ENOTSUP (the device has no IOMMU). If a mapping fails, the library releases the
 * memory and the IOVA of the mapping. After `device.close()`, every method throws EBADF.
 *
 * @example
 * using queue = await device.dma.allocate(64 * 4096);
 * registers.write64(0x28, queue.iova);
 */
export class DmaSpace {
  readonly #handle: Handle;
  readonly #mappings = new Set<DmaMapping>();
  /** Mappings that a thread of the thread pool is creating. */
  readonly #pending = new Set<DmaMapping>();
  #pageSize: number | undefined;

  static {
    createDmaSpace = (handle) => new DmaSpace(handle);
  }

  private constructor(handle: Handle) {
    this.#handle = handle;
    handle.beforeClose(() => {
      this.#freeAll();
    });
    handle.afterClose(() => {
      this.#releaseRemaining();
    });
  }

  /** Returns the addresses that the IOMMU lets the device use. Both ends are inclusive. */
  ranges(): IovaRange[] {
    return this.#space.ranges();
  }

  /** Size of the smallest page that can be mapped, in bytes. */
  get pageSize(): number {
    const space = this.#space;
    if (this.#pageSize === undefined) {
      const sizes = space.pageSizes;
      this.#pageSize = Math.max(Number(sizes & -sizes), PAGE_SIZE);
    }
    return this.#pageSize;
  }

  /** Number of bytes that are mapped now. */
  get mapped(): number {
    let bytes = 0;
    for (const { mapped, size } of this.#mappings) if (mapped) bytes += size;
    return bytes;
  }

  /**
   * Allocates zeroed memory and maps the memory. Another thread pins the pages, because pinning
   * takes time. {@link allocateSync} pins the pages on the calling thread.
   *
   * @param size - bytes, rounded up to whole pages
   * @throws TypeError or RangeError if an argument is wrong
   */
  async allocate(size: number, options: DmaOptions = {}): Promise<DmaBuffer> {
    return this.#map(planAllocation(size, options, this.pageSize), createDmaBuffer);
  }

  /** Does the same as {@link allocate}, but on the calling thread. */
  allocateSync(size: number, options: DmaOptions = {}): DmaBuffer {
    return this.#mapSync(planAllocation(size, options, this.pageSize), createDmaBuffer);
  }

  /**
   * Maps existing memory. The memory must consist of whole pages, because the device can reach
   * every byte of a mapped page. A Buffer or an ArrayBuffer is refused, because the garbage
   * collector can move or free its memory.
   *
   * A SharedArrayBuffer must be page-aligned. On Node 20 only a growable SharedArrayBuffer is
   * page-aligned: `new SharedArrayBuffer(n, { maxByteLength: n })`.
   *
   * The sources `{ dmabuf }` and `{ memfd }` are memory that the process does not map
   * (IOMMU_IOAS_MAP_FILE). The result is then a {@link DmaRange} without bytes.
   *
   * @throws RangeError if the memory does not consist of whole pages; TypeError if an argument has
   *   the wrong type
   * @throws {@link VfioError} for `{ dmabuf }` and `{ memfd }`: ENOTSUP if the device was opened
   *   through its group, and for a dma-buf of several ranges; ENOTTY if the kernel has no
   *   IOMMU_IOAS_MAP_FILE; EINVAL if the file is not of this kind, or ends within the range; ENODEV
   *   for a revoked dma-buf
   */
  async map(source: SharedArrayBuffer | DmaFile, options?: DmaOptions): Promise<DmaBuffer>;
  async map(source: DmaImport, options?: DmaOptions): Promise<DmaRange>;
  async map(
    source: SharedArrayBuffer | DmaFile | DmaImport,
    options: DmaOptions = {},
  ): Promise<DmaRange> {
    return isImport(source)
      ? this.#map(planImport(source, options, this.pageSize), createDmaRange)
      : this.#map(planSource(source, options, this.pageSize), createDmaBuffer);
  }

  /** Does the same as {@link map}, but on the calling thread. */
  mapSync(source: SharedArrayBuffer | DmaFile, options?: DmaOptions): DmaBuffer;
  mapSync(source: DmaImport, options?: DmaOptions): DmaRange;
  mapSync(source: SharedArrayBuffer | DmaFile | DmaImport, options: DmaOptions = {}): DmaRange {
    return isImport(source)
      ? this.#mapSync(planImport(source, options, this.pageSize), createDmaRange)
      : this.#mapSync(planSource(source, options, this.pageSize), createDmaBuffer);
  }

  /**
   * Creates a pool of small pieces of memory.
   *
   * @param size - bytes of each piece, at most the page size
   * @throws TypeError or RangeError if an argument is wrong
   * @example
   * const commands = device.dma.createPool(64);
   * const command = commands.allocate();
   * registers.write64(0x28, command.iova);
   */
  createPool(size: number, options: DmaPoolOptions = {}): DmaPool {
    return createDmaPool(size, options, () => this.allocateSync(PAGE_SIZE));
  }

  /**
   * Unmaps all buffers in a range of IOVAs (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP). The memory
   * of a buffer stays allocated until the buffer is freed.
   *
   * @param size - size of the range in bytes
   * @returns number of unmapped bytes
   * @throws RangeError if the range does not consist of whole pages, or contains only a part of a
   *   buffer; {@link VfioError} EBUSY if the range overlaps a mapping that `allocate()` or `map()`
   *   is creating
   */
  unmap(iova: bigint, size: bigint | number): bigint {
    checkU64(iova, 'iova');
    if (typeof size === 'bigint') checkU64(size, 'size');
    else checkInteger(size, 'size', 0, Number.MAX_SAFE_INTEGER);
    const bytes = BigInt(size);
    const page = BigInt(this.pageSize);
    if (bytes === 0n || bytes % page !== 0n || iova % page !== 0n) {
      throw new RangeError(`iova and size must be multiples of the page size, ${page.toString()}`);
    }
    const touched = [...this.#mappings].filter(
      (mapping) => mapping.mapped && overlaps(mapping, iova, bytes),
    );
    const cut = touched.find(({ iova: start, size: length }) => {
      return start < iova || start + BigInt(length) > iova + bytes;
    });
    if (cut !== undefined) {
      throw new RangeError(
        `the range contains only a part of the ${hex(cut.size)} bytes mapped at ${hex(cut.iova)}`,
      );
    }
    this.#checkPending(iova, bytes);
    const space = this.#space;
    const unmapped = space.unmap(iova, bytes, 0);
    for (const mapping of touched) markUnmapped(space, mapping);
    return unmapped;
  }

  /**
   * Unmaps every buffer of this device. Buffers of other devices in the same IOMMU group stay
   * mapped.
   *
   * @returns number of unmapped bytes
   * @throws {@link VfioError} EBUSY while a call of `allocate()` or `map()` is in progress
   */
  unmapAll(): bigint {
    const space = this.#space;
    this.#checkPending(0n, 1n << 64n);
    let unmapped = 0n;
    for (const mapping of this.#mappings) {
      if (mapping.mapped) unmapped += unmapBuffer(space, mapping);
    }
    return unmapped;
  }

  get #space(): AddressSpace {
    return this.#handle.connection.addressSpace;
  }

  /** Allocates an IOVA and memory. If the memory cannot be allocated, frees the IOVA. */
  #prepareMapping<M extends DmaMemory>(space: AddressSpace, plan: DmaPlan<M>): DmaMapping<M> {
    const iova = allocateIova(space, plan);
    try {
      return {
        memory: plan.createMemory(space),
        iova,
        size: plan.size,
        access: plan.access,
        mapped: false,
        lifetime: new Lifetime('the DMA buffer is freed', this.#handle.name),
      };
    } catch (error) {
      freeIova(space, iova, plan.size);
      throw error;
    }
  }

  async #map<M extends DmaMemory, R>(plan: DmaPlan<M>, create: Create<M, R>): Promise<R> {
    const space = this.#space;
    const mapping = this.#prepareMapping(space, plan);
    this.#pending.add(mapping);
    try {
      await space.map(mapping.memory, 0, BigInt(plan.size), mapping.iova, plan.flags);
    } catch (error) {
      discardMapping(space, mapping);
      throw error;
    } finally {
      this.#pending.delete(mapping);
    }
    if (this.#handle.isOpen) return this.#addMapping(mapping, create);
    try {
      // The address space stays open while another device of the IOMMU group is open.
      space.unmap(mapping.iova, BigInt(plan.size), 0);
    } catch {
      // The address space was closed with the device, which removed the mapping.
    }
    discardMapping(space, mapping);
    throw this.#handle.closedError();
  }

  #mapSync<M extends DmaMemory, R>(plan: DmaPlan<M>, create: Create<M, R>): R {
    const space = this.#space;
    const mapping = this.#prepareMapping(space, plan);
    try {
      space.mapSync(mapping.memory, 0, BigInt(plan.size), mapping.iova, plan.flags);
    } catch (error) {
      discardMapping(space, mapping);
      throw error;
    }
    return this.#addMapping(mapping, create);
  }

  #addMapping<M extends DmaMemory, R>(mapping: DmaMapping<M>, create: Create<M, R>): R {
    mapping.mapped = true;
    this.#mappings.add(mapping);
    return create(mapping, () => {
      if (!this.#mappings.has(mapping)) return;
      if (mapping.mapped) unmapBuffer(this.#space, mapping);
      this.#release(mapping);
    });
  }

  #freeAll(): void {
    const space = this.#space;
    for (const mapping of this.#mappings) {
      try {
        if (mapping.mapped) unmapBuffer(space, mapping);
        this.#release(mapping);
      } catch {
        // Closing the connection unmaps the memory. Until then the memory must stay.
      }
    }
  }

  /** Releases the memory of the buffers that were unmapped when the connection was closed. */
  #releaseRemaining(): void {
    for (const mapping of this.#mappings) {
      mapping.mapped = false;
      this.#release(mapping);
    }
  }

  #release(mapping: DmaMapping): void {
    this.#mappings.delete(mapping);
    mapping.lifetime.end(this.#handle.closingHint);
    mapping.memory.release();
  }

  #checkPending(iova: bigint, size: bigint): void {
    for (const pending of this.#pending) {
      if (!overlaps(pending, iova, size)) continue;
      throw new VfioError({
        code: 'EBUSY',
        message: `a mapping at ${hex(pending.iova)} is in progress`,
        path: this.#handle.name,
        hint: 'Await allocate() and map() before unmapping.',
      });
    }
  }
}

function discardMapping(space: AddressSpace, mapping: DmaMapping): void {
  markUnmapped(space, mapping);
  mapping.memory.release();
}

function unmapBuffer(space: AddressSpace, mapping: DmaMapping): bigint {
  const unmapped = space.unmap(mapping.iova, BigInt(mapping.size), 0);
  markUnmapped(space, mapping);
  return unmapped;
}

function markUnmapped(space: AddressSpace, mapping: DmaMapping): void {
  mapping.mapped = false;
  freeIova(space, mapping.iova, mapping.size);
}

function overlaps(mapping: DmaMapping, iova: bigint, size: bigint): boolean {
  return mapping.iova < iova + size && iova < mapping.iova + BigInt(mapping.size);
}
