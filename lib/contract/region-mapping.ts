import { checkPages, wholePages } from '../checks.js';
import type { RegionInfo } from './index.js';
import {
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
  VFIO_REGION_INFO_CAP_SPARSE_MMAP,
  VFIO_REGION_INFO_FLAG_MMAP,
} from './uapi.js';

/** A part of a region. The offset and the size are in bytes. */
export interface RegionArea {
  readonly offset: bigint;
  readonly size: bigint;
}

/** The parts of a region that can be mapped. */
export interface RegionMapping {
  /** Whether the region or a part of the region can be mapped. */
  readonly mappable: boolean;
  /** The parts of the region that can be mapped, or null if the whole region can be mapped. */
  readonly sparseAreas: readonly RegionArea[] | null;
  /**
   * Whether the pages that contain the MSI-X table can be mapped together with the rest of this
   * BAR.
   */
  readonly msixMappable: boolean;
}

/**
 * Returns the parts of a region that can be mapped, from the result of VFIO_DEVICE_GET_REGION_INFO.
 */
export function regionMapping({ flags, capabilities }: RegionInfo): RegionMapping {
  const capability = (id: number) => capabilities.find((element) => element.id === id);
  return {
    mappable: (flags & VFIO_REGION_INFO_FLAG_MMAP) !== 0,
    sparseAreas: capability(VFIO_REGION_INFO_CAP_SPARSE_MMAP)?.areas ?? null,
    msixMappable: capability(VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) !== undefined,
  };
}

/**
 * Whether a range of bytes is inside one of the areas. The size of each area is rounded up to whole
 * pages.
 */
export function isInArea(areas: readonly RegionArea[], offset: number, length: number): boolean {
  return areas.some(
    (area) =>
      BigInt(offset) >= area.offset &&
      BigInt(offset + length) <= area.offset + wholePages(area.size),
  );
}

/**
 * Returns the size in bytes of a window that maps `length` bytes at `offset`. The kernel maps whole
 * pages. If the region ends within the last page, the window ends at the end of the region.
 *
 * @param regionSize - size of the region in bytes
 * @throws RangeError if `length` does not end on a page boundary or at the end of the region
 */
export function windowSize(offset: number, length: number, regionSize: bigint): number {
  const end = BigInt(offset + length);
  if (end !== regionSize) checkPages(length, 'length');
  return end === wholePages(regionSize) ? Number(regionSize) - offset : length;
}
