/** First and last usable IOVA, both inclusive. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * `true`: transparent huge pages where the system has them; `'2M'` and `'1G'`: from the reserved
 * pool of that size.
 */
export type HugePages = boolean | '2M' | '1G';

/** What a device can reach by DMA. */
export interface AddressSpace {
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** The addresses the device can use: VFIO_IOMMU_GET_INFO or IOMMU_IOAS_IOVA_RANGES. */
  ranges(): IovaRange[];
  /**
   * Zeroed, page-aligned memory.
   * @param size - bytes, whole pages
   * @param hugePages - true: 2 MiB aligned, transparent huge pages where the system gives them;
   *   '2M' and '1G': from the reserved pool, ENOMEM if it is empty
   */
  allocate(size: number, hugePages: HugePages): Memory;
  /** Memory behind a file descriptor (memfd, hugetlbfs file). */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory;
  /** A page-aligned SharedArrayBuffer of whole pages. @throws RangeError otherwise */
  fromShared(buffer: SharedArrayBuffer): Memory;
  /**
   * VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP, on another thread: pinning pages takes time. ENOMEM over
   * RLIMIT_MEMLOCK, EEXIST if part of it is mapped, EINVAL outside of {@link AddressSpace.ranges}.
   *
   * @param offset - into the memory, bytes, whole pages
   * @param size - bytes, whole pages
   * @param iova - first address the device sees it at, page-aligned
   * @param flags - VFIO_DMA_MAP_FLAG_READ and _WRITE, from the device's side
   */
  map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void>;
  /** As {@link AddressSpace.map}, on this thread. */
  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void;
  /**
   * VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP.
   * @param flags - VFIO_DMA_UNMAP_FLAG_*: bit 1 all, with address and size 0
   * @returns bytes unmapped
   */
  unmap(iova: bigint, size: bigint, flags: number): bigint;
}

/** Memory of the process that can be mapped for a device. */
export interface Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Bytes. */
  readonly size: number;
  /**
   * Lets go of it. An ArrayBuffer made here is detached; the memory leaves the process when no
   * transferred copy and no mapping of the address space can see it any more.
   */
  release(): void;
}
