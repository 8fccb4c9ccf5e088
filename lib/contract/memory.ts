/** A range of IOVAs that a device can use. The range includes its first and its last address. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * `true` means transparent huge pages, if they are available. `'2M'` means pages of 2 MiB from the
 * reserved pool, and `'1G'` means pages of 1 GiB from the reserved pool.
 */
export type HugePages = boolean | '2M' | '1G';

/** The possible values of {@link HugePages}. */
export const HUGE_PAGES: readonly HugePages[] = [false, true, '2M', '1G'];

/**
 * The addresses that a device can reach by DMA. When the last open device of an IOMMU group is
 * closed, the address space is closed. Use of a closed address space throws a {@link VfioError}
 * EBADF.
 */
export interface AddressSpace {
  /** If bit n is set, pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** Reads the usable ranges: VFIO_IOMMU_GET_INFO or IOMMU_IOAS_IOVA_RANGES. */
  ranges(): IovaRange[];
  /**
   * Allocates memory that is page-aligned and filled with zeros.
   * @param size - size in bytes, a multiple of the page size
   * @param hugePages - `true` aligns the memory to 2 MiB, for transparent huge pages. `'2M'` and
   *   `'1G'` allocate huge pages from the reserved pool. The allocation of huge pages fails with
   *   ENOMEM if the pool is empty.
   */
  allocate(size: number, hugePages: HugePages): Memory;
  /** Maps a file into the process, for example a memfd or a file on hugetlbfs. */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory;
  /**
   * Uses a part of a memfd or of a dma-buf by its descriptor. The process does not map the file. The
   * library duplicates the descriptor. Only {@link AddressSpace.map} finds out whether the file can
   * be mapped for the device (IOMMU_IOAS_MAP_FILE): the map call fails with ENOTTY if the kernel
   * cannot map files, with EINVAL if the file is neither a memfd nor a dma-buf or ends within the
   * range, with ENOTSUP for a dma-buf of several ranges or of another driver, and with ENODEV for
   * a revoked dma-buf.
   *
   * @param offset - the offset in the file, in bytes; a multiple of the page size
   * @param size - size in bytes, a multiple of the page size
   * @throws {@link VfioError} EBADF if the descriptor is not open; ENOTSUP if the address space
   *   belongs to a container, which maps only memory of the process
   */
  importFile(fd: number, offset: number, size: number): DmaMemory;
  /**
   * Uses a SharedArrayBuffer.
   * @throws RangeError if the address or the size is not a multiple of the page size
   */
  fromShared(buffer: SharedArrayBuffer): Memory;
  /**
   * Uses memory of another process, which the caller has mapped. The result owns the memory: when
   * the result is released and no part of the memory is mapped for DMA, `memory.unmap()` is called.
   */
  fromExternal(memory: ExternalMemory): DmaMemory;
  /**
   * Calls VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP on another thread, because pinning pages takes time.
   * Fails with ENOMEM if the pinned memory would exceed RLIMIT_MEMLOCK. Fails with EEXIST if part
   * of the range is already mapped. Fails with EINVAL if the range is outside {@link
   * AddressSpace.ranges}.
   *
   * @param offset - the offset in the memory, in bytes; a multiple of the page size
   * @param size - size in bytes, a multiple of the page size
   * @param iova - the DMA address at which the device sees the memory, page-aligned
   * @param flags - VFIO_DMA_MAP_FLAG_READ allows the device to read the memory.
   *   VFIO_DMA_MAP_FLAG_WRITE allows the device to write the memory.
   */
  map(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void>;
  /** Maps memory like {@link AddressSpace.map}, but blocks the calling thread. */
  mapSync(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): void;
  /**
   * VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP.
   * @param flags - VFIO_DMA_UNMAP_FLAG_*. Bit 1 unmaps everything, and requires address 0 and size
   *   0.
   * @returns bytes unmapped
   */
  unmap(iova: bigint, size: bigint, flags: number): bigint;
}

/**
 * An address space that the program has created by `createAddressSpace()` of a device. The address
 * space belongs to no device until a PASID of a device is attached to the address space.
 * Use of a closed address space throws a {@link VfioError} EBADF.
 */
export interface CreatedAddressSpace extends AddressSpace {
  /**
   * Unmaps everything and destroys the address space (IOMMU_DESTROY). Idempotent.
   * @throws {@link VfioError} EBUSY if a PASID is attached to the address space
   */
  close(): void;
  /** Calls {@link close} at the end of a scope with `using`. */
  [Symbol.dispose](): void;
}

/** Options of `attachPasid()`. */
export interface PasidOptions {
  /**
   * The memory that requests with the PASID reach: an address space that `createAddressSpace()` has
   * returned. Default: the address space of the device.
   */
  readonly addressSpace?: AddressSpace | undefined;
}

/** Memory that can be mapped for a device. */
export interface DmaMemory {
  /** Bytes. */
  readonly size: number;
  /**
   * Releases the memory. An ArrayBuffer that {@link AddressSpace.allocate} returned becomes
   * detached. The process unmaps the memory as soon as neither a transferred ArrayBuffer nor a DMA
   * mapping uses the memory. Idempotent. After the release, an attempt to map the memory for DMA
   * throws a {@link VfioError} EBADF.
   */
  release(): void;
}

/** Memory of the process. */
export interface Memory extends DmaMemory {
  /** @throws {@link VfioError} EBADF if {@link Memory.release} was called before */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}

/**
 * Memory of another process, for example of a guest. The other process can change the memory at any
 * time, and can take the memory away. No ArrayBuffer shows the memory, because an access to memory
 * that was taken away would end this process.
 */
export interface ExternalMemory {
  /** Bytes. */
  readonly size: number;
  /** Address of the mapping in this process. The kernel pins the pages at this address. */
  readonly address: bigint;
  /** Whether the other process allows writes. */
  readonly writable: boolean;
  /**
   * Copies bytes from the memory.
   * @returns false if the other process has taken the memory away
   */
  read(offset: number, into: Uint8Array): boolean;
  /**
   * Copies bytes to the memory.
   * @returns false if the other process has taken the memory away
   */
  write(offset: number, from: Uint8Array): boolean;
  /** Unmaps the memory from this process. */
  unmap(): void;
}
