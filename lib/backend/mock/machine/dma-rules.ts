import type { IovaRange } from '../../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../../contract/uapi.js';
import type { Profile } from './profile.js';
import type { Mappings } from './mappings.js';

/** Whether a range lies within what a device can reach. */
export function isUsable(ranges: readonly IovaRange[], iova: bigint, last: bigint): boolean {
  return ranges.some(({ start, end }) => start <= iova && last <= end);
}

export function readableFlags({ writableIsReadable }: Profile): number {
  return VFIO_DMA_MAP_FLAG_READ | (writableIsReadable ? VFIO_DMA_MAP_FLAG_WRITE : 0);
}

/** What is to be mapped. */
export interface DmaRequest {
  /** Where in the memory it begins, in bytes. */
  readonly offset: number;
  readonly size: bigint;
  readonly iova: bigint;
  /** VFIO_DMA_MAP_FLAG_*. */
  readonly flags: number;
}

/** One of the two interfaces to the IOMMU: what it refuses, and how. */
export interface DmaRules {
  /** The calls' names, for errors. */
  readonly mapCall: string;
  readonly unmapCall: string;
  /** VFIO_DMA_MAP_FLAG_*: a mapping with any of these may be read by the device. */
  readonly readable: number;
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** @throws VfioError for a request that is wrong by itself, or beside what is mapped */
  checkMap(mappings: Mappings, request: DmaRequest): void;
  /** @returns bytes unmapped */
  unmap(mappings: Mappings, iova: bigint, size: bigint, flags: number): bigint;
}
