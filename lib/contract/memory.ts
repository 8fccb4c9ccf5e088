/** A range of usable IOVAs. Both ends are inclusive. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * `true`: transparent huge pages, if the system provides them. `'2M'` and `'1G'`: pages of the
 * reserved pool of that size.
 */
export type HugePages = boolean | '2M' | '1G';

/**
 * The addresses that a device can reach by DMA. The last open device of an IOMMU group closes its
 * address space. Use after that throws a {@link VfioError} EBADF.
 */
export interface AddressSpace {
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** Reads the usable ranges: VFIO_IOMMU_GET_INFO or IOMMU_IOAS_IOVA_RANGES. */
  ranges(): IovaRange[];
  /**
   * Allocates zeroed, page-aligned memory.
   * @param size - bytes, whole pages
   * @param hugePages - true: aligned to 2 MiB, for transparent huge pages; '2M' and '1G': from the
   *   reserved pool, ENOMEM if the pool is empty
   */
  allocate(size: number, hugePages: HugePages): Memory;
  /** Maps the memory behind a file descriptor (memfd, hugetlbfs file) into the process. */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory;
  /** Uses a SharedArrayBuffer. @throws RangeError unless it is page-aligned and of whole pages */
  fromShared(buffer: SharedArrayBuffer): Memory;
  /**
   * VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP, on another thread, since pinning pages takes time. Fails
   * with ENOMEM above RLIMIT_MEMLOCK, with EEXIST if part of the range is mapped, and with EINVAL
   * outside {@link AddressSpace.ranges}.
   *
   * @param offset - into the memory, bytes, whole pages
   * @param size - bytes, whole pages
   * @param iova - first address of the memory for the device, page-aligned
   * @param flags - VFIO_DMA_MAP_FLAG_READ and _WRITE: what the device may do
   */
  map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void>;
  /** Like {@link AddressSpace.map}, on this thread. */
  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void;
  /**
   * VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP.
   * @param flags - VFIO_DMA_UNMAP_FLAG_*; bit 1 unmaps everything, with address and size 0
   * @returns bytes unmapped
   */
  unmap(iova: bigint, size: bigint, flags: number): bigint;
}

/** Memory of the process that can be mapped for a device. */
export interface Memory {
  /** @throws {@link VfioError} EBADF after {@link Memory.release} */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Bytes. */
  readonly size: number;
  /**
   * Releases the memory. An ArrayBuffer of {@link AddressSpace.allocate} is detached. The process
   * unmaps the memory when no transferred copy and no mapping of the address space uses it.
   * Idempotent. Mapping the memory after that throws a {@link VfioError} EBADF.
   */
  release(): void;
}
