import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_VADDR,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_DMA_UNMAP_FLAG_VADDR,
} from '../../../contract/uapi.js';
import { PAGE_SIZE, U64_MAX } from '../../../checks.js';
import { fail } from './errno.js';
import type { Profile } from './profile.js';
import { isUsable, readableFlags, type DmaRequest, type DmaRules } from './dma-rules.js';
import type { DmaLimits } from './limits.js';
import type { Mappings } from './mappings.js';
import { IOMMU_PAGE_SIZES } from './platform.js';

const MAP = 'VFIO_IOMMU_MAP_DMA';
const UNMAP = 'VFIO_IOMMU_UNMAP_DMA';
const UNMAP_FLAGS = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;
const PAGE = BigInt(PAGE_SIZE);

/**
 * Creates the rules of a container with VFIO_TYPE1v2_IOMMU. The checks have the same order as in
 * the kernel.
 */
export function type1(profile: Profile, limits: DmaLimits): DmaRules {
  const { wrappedRange, unmapsToTheEnd } = profile;
  return {
    mapCall: MAP,
    unmapCall: UNMAP,
    readable: readableFlags(profile),
    mapsFiles: false,
    pageSizes: pageSizes(IOMMU_PAGE_SIZES),
    prepareMap(mappings: Mappings, { offset, size, iova, flags }: DmaRequest): boolean {
      const access = flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
      const vaddr = (flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0;
      const unknown = flags & ~(access | VFIO_DMA_MAP_FLAG_VADDR);
      if (unknown !== 0 || size === 0n) fail('EINVAL', MAP);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail(wrappedRange, MAP);
      if (vaddr === (access !== 0)) fail('EINVAL', MAP);
      const aligned = size % PAGE === 0n && iova % PAGE === 0n && offset % PAGE_SIZE === 0;
      if (!aligned) fail('EINVAL', MAP);
      if (vaddr) {
        renewAddress(mappings, iova, size);
        return false;
      }
      if (mappings.overlaps(iova, last)) fail('EEXIST', MAP);
      if (mappings.count >= limits.dmaEntries) fail('ENOSPC', MAP);
      if (!isUsable(limits.ranges, iova, last)) fail('EINVAL', MAP);
      return true;
    },
    unmap(mappings: Mappings, iova: bigint, size: bigint, flags: number): bigint {
      // The flag of dirty tracking is unknown, too. The library never passes a buffer for the bitmap.
      if ((flags & ~UNMAP_FLAGS) !== 0) fail('EINVAL', UNMAP);
      const all = (flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0;
      const change = (flags & VFIO_DMA_UNMAP_FLAG_VADDR) !== 0 ? invalidate : remove;
      if (iova % PAGE !== 0n) fail('EINVAL', UNMAP);
      if (all) {
        if (iova !== 0n || size !== 0n) fail('EINVAL', UNMAP);
        return change(mappings, 0n, U64_MAX);
      }
      if (size === 0n || size % PAGE !== 0n) fail('EINVAL', UNMAP);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail(wrappedRange, UNMAP);
      if (mappings.areSplitBy(iova, last)) fail('EINVAL', UNMAP);
      if (last === U64_MAX && !unmapsToTheEnd) return 0n;
      return change(mappings, iova, last);
    },
  };
}

/**
 * Replaces the page sizes of the IOMMU that are smaller than the page size of the system, as
 * vfio_update_pgsize_bitmap() does.
 */
function pageSizes(ofIommu: bigint): bigint {
  const large = ofIommu & -PAGE;
  return large === ofIommu ? ofIommu : large | PAGE;
}

function remove(mappings: Mappings, iova: bigint, last: bigint): bigint {
  return mappings.remove(iova, last);
}

/**
 * Invalidates the process addresses of all mappings in a range. If one of these addresses is
 * already invalid, changes nothing. The device still reaches the memory.
 *
 * @returns number of bytes whose address was invalidated
 */
function invalidate(mappings: Mappings, iova: bigint, last: bigint): bigint {
  const affected = mappings.within(iova, last);
  if (affected.some(({ addressInvalid }) => addressInvalid)) fail('EINVAL', UNMAP);
  for (const mapping of affected) mapping.addressInvalid = true;
  return affected.reduce((sum, { size }) => sum + size, 0n);
}

/**
 * Gives a mapping a new process address. The device still reaches the memory of the first map call,
 * because the kernel has pinned that memory.
 */
function renewAddress(mappings: Mappings, iova: bigint, size: bigint): void {
  if (!mappings.overlaps(iova, iova + size - 1n)) fail('ENOENT', MAP);
  const mapping = mappings.at(iova);
  const exact = mapping?.iova === iova && mapping.size === size;
  if (!exact || !mapping.addressInvalid) return fail('EINVAL', MAP);
  mapping.addressInvalid = false;
}
