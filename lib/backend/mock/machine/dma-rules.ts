import type { IovaRange } from '../../../contract/index.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../../contract/uapi.js';
import type { ImportedMemory } from './imported-memory.js';
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

/**
 * Returns a mask of VFIO_DMA_MAP_FLAG_* bits. A device can read a mapping that has at least one of
 * these bits.
 */
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
  /** The memory of the request if a file is mapped, or null. */
  readonly imported: ImportedMemory | null;
}

/** Rules for mapping and unmapping in one kernel interface: a container or an iommufd. */
export interface DmaRules {
  /** Name of the system call that maps memory, for error messages. */
  readonly mapCall: string;
  /** Name of the system call that unmaps memory, for error messages. */
  readonly unmapCall: string;
  /**
   * Mask of VFIO_DMA_MAP_FLAG_* bits. A device can read a mapping that has at least one of these
   * bits.
   */
  readonly readable: number;
  /** Whether the interface can map files. */
  readonly mapsFiles: boolean;
  /** Bit mask of page sizes. Bit n means that pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /**
   * Checks a request to map memory. If the request gives an existing mapping a new process address,
   * makes this change.
   *
   * @returns whether the request adds a mapping
   * @throws VfioError with the errno of the kernel
   */
  prepareMap(mappings: Mappings, request: DmaRequest): boolean;
  /**
   * Unmaps an IOVA range.
   *
   * @returns number of unmapped bytes
   * @throws VfioError with the errno of the kernel
   */
  unmap(mappings: Mappings, iova: bigint, size: bigint, flags: number): bigint;
}
