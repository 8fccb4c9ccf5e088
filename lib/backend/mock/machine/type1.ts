import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../../../contract/uapi.js';
import { PAGE_SIZE, U64_MAX } from '../../../checks.js';
import { fail } from './errno.js';
import type { Profile } from './profile.js';
import { isUsable, readableFlags, type DmaRequest, type DmaRules } from './dma-rules.js';
import type { DmaLimits } from './limits.js';
import type { Mappings } from './mappings.js';

const MAP = 'VFIO_IOMMU_MAP_DMA';
const UNMAP = 'VFIO_IOMMU_UNMAP_DMA';
const VFIO_DMA_MAP_FLAG_VADDR = 1 << 2;
const PAGE = BigInt(PAGE_SIZE);
/** Page sizes of an Intel IOMMU: 4 KiB, 2 MiB and 1 GiB. */
const PAGE_SIZES = 0x4020_1000n;

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
    pageSizes: PAGE_SIZES,
    checkMap(mappings: Mappings, { offset, size, iova, flags }: DmaRequest): void {
      const access = flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
      const vaddr = (flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0;
      const unknown = flags & ~(access | VFIO_DMA_MAP_FLAG_VADDR);
      if (unknown !== 0 || size === 0n) fail('EINVAL', MAP);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail(wrappedRange, MAP);
      if (vaddr === (access !== 0)) fail('EINVAL', MAP);
      const aligned = size % PAGE === 0n && iova % PAGE === 0n && offset % PAGE_SIZE === 0;
      if (!aligned) fail('EINVAL', MAP);
      const overlaps = mappings.overlaps(iova, last);
      // VFIO_DMA_MAP_FLAG_VADDR renews an invalidated address of a mapping. The mock never
      // invalidates an address.
      if (vaddr) fail(overlaps ? 'EINVAL' : 'ENOENT', MAP);
      if (overlaps) fail('EEXIST', MAP);
      if (mappings.count >= limits.dmaEntries) fail('ENOSPC', MAP);
      if (!isUsable(limits.ranges, iova, last)) fail('EINVAL', MAP);
    },
    unmap(mappings: Mappings, iova: bigint, size: bigint, flags: number): bigint {
      const all = flags === VFIO_DMA_UNMAP_FLAG_ALL;
      // The mock refuses the flags of dirty tracking and of address updates.
      if (flags !== 0 && !all) fail('EINVAL', UNMAP);
      if (iova % PAGE !== 0n) fail('EINVAL', UNMAP);
      if (all) {
        if (iova !== 0n || size !== 0n) fail('EINVAL', UNMAP);
        return mappings.remove(0n, U64_MAX);
      }
      if (size === 0n || size % PAGE !== 0n) fail('EINVAL', UNMAP);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail(wrappedRange, UNMAP);
      if (mappings.splitsAt(iova) || mappings.splitsAt(last + 1n)) fail('EINVAL', UNMAP);
      if (last === U64_MAX && !unmapsToTheEnd) return 0n;
      return mappings.remove(iova, last);
    },
  };
}
