import type { AddressSpace, IovaRange } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import { VfioError } from '../errors.js';
import { giveIova, takeIova } from './addresses.js';
import { checkInteger, checkU64, hex, PAGE_SIZE } from '../checks.js';
import { createDmaBuffer, type DmaBuffer, type DmaMapping } from './dma-buffer.js';
import {
  type DmaFile,
  type DmaOptions,
  type DmaPlan,
  planAllocation,
  planSource,
} from './dma-plan.js';
import type { Handle } from './handle.js';

/** Creates the {@link DmaSpace} of a device. */
export let createDmaSpace: (handle: Handle) => DmaSpace;

/**
 * What the device can reach by DMA. Set `bus_master` in the command register before the device is
 * to use it. Memory stays alive for as long as it is mapped; the device's closing unmaps it all.
 *
 * Failures of mapping are {@link VfioError}: ENOMEM (RLIMIT_MEMLOCK, or no huge pages reserved),
 * EEXIST (the IOVA is mapped already), ENOSPC (no addresses or no entries left), EFAULT, ENOTSUP
 * (no IOMMU). Whatever fails, nothing stays allocated or mapped. After `device.close()`: EBADF.
 *
 * @example
 * using queue = await device.dma.allocate(64 * 4096);
 * registers.write64(0x28, queue.iova);
 */
export class DmaSpace {
  readonly #handle: Handle;
  readonly #mappings = new Set<DmaMapping>();
  /** Those that another thread is making. */
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
      this.#releaseRest();
    });
  }

  /** The addresses the IOMMU lets the device use; both ends are inclusive. */
  ranges(): IovaRange[] {
    return this.#space.ranges();
  }

  /** Bytes of the smallest page that can be mapped. */
  get pageSize(): number {
    const space = this.#space;
    if (this.#pageSize === undefined) {
      const sizes = space.pageSizes;
      this.#pageSize = Math.max(Number(sizes & -sizes), PAGE_SIZE);
    }
    return this.#pageSize;
  }

  /** Bytes that are mapped now. */
  get mapped(): number {
    let bytes = 0;
    for (const { mapped, size } of this.#mappings) if (mapped) bytes += size;
    return bytes;
  }

  /**
   * Allocates zeroed memory and maps it. Pinning many pages takes a while and is done on another
   * thread; {@link allocateSync} does it on this one.
   *
   * @param size - bytes, rounded up to whole pages
   * @throws TypeError and RangeError for wrong arguments
   */
  async allocate(size: number, options: DmaOptions = {}): Promise<DmaBuffer> {
    return this.#map(planAllocation(size, options, this.pageSize));
  }

  /** As {@link allocate}, on this thread. */
  allocateSync(size: number, options: DmaOptions = {}): DmaBuffer {
    return this.#mapSync(planAllocation(size, options, this.pageSize));
  }

  /**
   * Maps memory that exists already. Only whole pages: with a part of one the device would see
   * its neighbours. An ordinary Buffer or ArrayBuffer cannot be given, since the garbage collector
   * may move or free it; a SharedArrayBuffer has to begin on a page, which on Node 20 only one
   * that can grow does: `new SharedArrayBuffer(n, { maxByteLength: n })`.
   *
   * @throws RangeError for anything but whole pages; TypeError for other wrong arguments
   */
  async map(source: SharedArrayBuffer | DmaFile, options: DmaOptions = {}): Promise<DmaBuffer> {
    return this.#map(planSource(source, options, this.pageSize));
  }

  /** As {@link map}, on this thread. */
  mapSync(source: SharedArrayBuffer | DmaFile, options: DmaOptions = {}): DmaBuffer {
    return this.#mapSync(planSource(source, options, this.pageSize));
  }

  /**
   * Takes all mappings of a range from the device (VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP). The
   * memory of its buffers stays until they are freed.
   *
   * @param size - bytes
   * @returns bytes unmapped
   * @throws RangeError if the range is not whole pages, or cuts a buffer; {@link VfioError} EBUSY
   *   while a `map()` into the range is under way
   */
  unmap(iova: bigint, size: bigint | number): bigint {
    checkU64(iova, 'iova');
    if (typeof size === 'bigint') checkU64(size, 'size');
    else checkInteger(size, 'size', 0, Number.MAX_SAFE_INTEGER);
    const bytes = BigInt(size);
    const page = BigInt(this.pageSize);
    if (bytes === 0n || bytes % page !== 0n || iova % page !== 0n) {
      throw new RangeError(`only whole pages of ${page.toString()} bytes can be unmapped`);
    }
    const touched = [...this.#mappings].filter(
      (mapping) => mapping.mapped && overlaps(mapping, iova, bytes),
    );
    const cut = touched.find(({ iova: start, size: length }) => {
      return start < iova || start + BigInt(length) > iova + bytes;
    });
    if (cut !== undefined) {
      throw new RangeError(`the range cuts the ${hex(cut.size)} bytes mapped at ${hex(cut.iova)}`);
    }
    this.#checkPending(iova, bytes);
    const space = this.#space;
    const unmapped = space.unmap(iova, bytes, 0);
    for (const mapping of touched) forget(space, mapping);
    return unmapped;
  }

  /**
   * Takes everything from the device that this object has mapped; another device of the same IOMMU
   * group keeps what it has. As {@link unmap} otherwise.
   */
  unmapAll(): bigint {
    const space = this.#space;
    this.#checkPending(0n, 1n << 64n);
    let unmapped = 0n;
    for (const mapping of this.#mappings) {
      if (mapping.mapped) unmapped += unmapOne(space, mapping);
    }
    return unmapped;
  }

  get #space(): AddressSpace {
    return this.#handle.connection.addressSpace;
  }

  /** Reserves the addresses, then the memory: both or none. */
  #begin(space: AddressSpace, plan: DmaPlan): DmaMapping {
    const iova = takeIova(space, plan);
    try {
      return {
        memory: plan.memory(space),
        iova,
        size: plan.size,
        access: plan.access,
        mapped: false,
        lifetime: new Lifetime('the DMA buffer is freed', this.#handle.name),
      };
    } catch (error) {
      giveIova(space, iova, plan.size);
      throw error;
    }
  }

  async #map(plan: DmaPlan): Promise<DmaBuffer> {
    const space = this.#space;
    const mapping = this.#begin(space, plan);
    this.#pending.add(mapping);
    try {
      await space.map(mapping.memory, 0, BigInt(plan.size), mapping.iova, plan.flags);
    } catch (error) {
      abandon(space, mapping);
      throw error;
    } finally {
      this.#pending.delete(mapping);
    }
    if (this.#handle.isOpen) return this.#commit(mapping);
    try {
      // The address space outlives this device where another one of its group is open.
      space.unmap(mapping.iova, BigInt(plan.size), 0);
    } catch {
      // It went with the device, and the mapping with it.
    }
    abandon(space, mapping);
    throw this.#handle.closedError();
  }

  #mapSync(plan: DmaPlan): DmaBuffer {
    const space = this.#space;
    const mapping = this.#begin(space, plan);
    try {
      space.mapSync(mapping.memory, 0, BigInt(plan.size), mapping.iova, plan.flags);
    } catch (error) {
      abandon(space, mapping);
      throw error;
    }
    return this.#commit(mapping);
  }

  #commit(mapping: DmaMapping): DmaBuffer {
    mapping.mapped = true;
    this.#mappings.add(mapping);
    return createDmaBuffer(mapping, () => {
      if (!this.#mappings.has(mapping)) return;
      if (mapping.mapped) unmapOne(this.#space, mapping);
      this.#release(mapping);
    });
  }

  #freeAll(): void {
    const space = this.#space;
    for (const mapping of this.#mappings) {
      try {
        if (mapping.mapped) unmapOne(space, mapping);
        this.#release(mapping);
      } catch {
        // Closing the connection unmaps the memory. Until then the memory must stay.
      }
    }
  }

  /** Releases the memory that could not be unmapped: closing the connection has unmapped it. */
  #releaseRest(): void {
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
        message: `a mapping at ${hex(pending.iova)} is being made`,
        path: this.#handle.name,
        hint: 'Await allocate() and map() before unmapping.',
      });
    }
  }
}

function abandon(space: AddressSpace, mapping: DmaMapping): void {
  forget(space, mapping);
  mapping.memory.release();
}

function unmapOne(space: AddressSpace, mapping: DmaMapping): bigint {
  const unmapped = space.unmap(mapping.iova, BigInt(mapping.size), 0);
  forget(space, mapping);
  return unmapped;
}

function forget(space: AddressSpace, mapping: DmaMapping): void {
  mapping.mapped = false;
  giveIova(space, mapping.iova, mapping.size);
}

function overlaps(mapping: DmaMapping, iova: bigint, size: bigint): boolean {
  return mapping.iova < iova + size && iova < mapping.iova + BigInt(mapping.size);
}
