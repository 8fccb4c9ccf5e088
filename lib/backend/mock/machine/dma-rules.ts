import type { IovaRange } from '../../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../../contract/uapi.js';
import type { Profile } from './profile.js';
import type { Mappings } from './mappings.js';

/**
 * Whether an IOVA range lies within one of the usable ranges.
 *
 * @param last - last address, inclusive
 */
export function isUsable(ranges: readonly IovaRange[], iova: bigint, last: bigint): boolean {
  return ranges.some(({ start, end }) => start <= iova && last <= end);
}

/** Returns the VFIO_DMA_MAP_FLAG_* bits of which one is enough for a device to read a mapping. */
export function readableFlags({ writableIsReadable }: Profile): number {
  return VFIO_DMA_MAP_FLAG_READ | (writableIsReadable ? VFIO_DMA_MAP_FLAG_WRITE : 0);
}

/** A request to map memory for DMA. */
export interface DmaRequest {
  /** Start of the mapping within the memory, in bytes. */
  readonly offset: number;
  readonly size: bigint;
  readonly iova: bigint;
  /** VFIO_DMA_MAP_FLAG_*. */
  readonly flags: number;
}

/** The checks of one kernel interface to the IOMMU: a container or an iommufd. */
export interface DmaRules {
  /** Name of the call that maps, for errors. */
  readonly mapCall: string;
  /** Name of the call that unmaps, for errors. */
  readonly unmapCall: string;
  /** VFIO_DMA_MAP_FLAG_* bits: a device can read a mapping with any of these. */
  readonly readable: number;
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** Checks a request to map. @throws VfioError with the errno of the kernel */
  checkMap(mappings: Mappings, request: DmaRequest): void;
  /** Unmaps a range. @returns bytes unmapped @throws VfioError with the errno of the kernel */
  unmap(mappings: Mappings, iova: bigint, size: bigint, flags: number): bigint;
}
