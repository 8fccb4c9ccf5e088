import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../../../contract/uapi.js';
import { IOMMU_IOAS_MAP_FILE } from '../../../contract/file-mappings.js';
import { PAGE_SIZE, U64_MAX } from '../../../checks.js';
import { fail } from './errno.js';
import type { Profile } from './profile.js';
import { isUsable, readableFlags, type DmaRules } from './dma-rules.js';
import type { DmaLimits } from './limits.js';

const MAP = 'IOMMU_IOAS_MAP';
const UNMAP = 'IOMMU_IOAS_UNMAP';
const PAGE = BigInt(PAGE_SIZE);

/**
 * Returns the checks of map and unmap requests for an I/O address space (IOAS) of iommufd. A request
 * has the flags of linux/vfio.h.
 */
export function ioas(profile: Profile, limits: DmaLimits): DmaRules {
  return {
    mapCall: MAP,
    unmapCall: UNMAP,
    readable: readableFlags(profile),
    mapsFiles: true,
    pageSizes: U64_MAX - PAGE + 1n,
    prepareMap(mappings, { offset, size, iova, flags, imported }) {
      const call = imported === null ? MAP : IOMMU_IOAS_MAP_FILE;
      if ((flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) !== 0) fail('EINVAL', call);
      if (imported !== null && !profile.mapFile) fail('ENOTTY', call);
      if (iova >= U64_MAX || size >= U64_MAX) fail('EOVERFLOW', call);
      if (flags === 0 || size === 0n) fail('EINVAL', call);
      imported?.check(offset + Number(size));
      if (size % PAGE !== 0n || iova % PAGE !== 0n) fail('EINVAL', call);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail('EOVERFLOW', call);
      if (!isUsable(limits.ranges, iova, last)) fail('EINVAL', call);
      if (mappings.overlaps(iova, last)) fail('EEXIST', call);
      if (offset % PAGE_SIZE !== 0) fail('EINVAL', call);
      return true;
    },
    unmap(mappings, iova, size, flags) {
      if (flags !== 0) {
        // The only flag that iommufd's VFIO_IOMMU_UNMAP_DMA accepts is VFIO_DMA_UNMAP_FLAG_ALL.
        const all = flags === VFIO_DMA_UNMAP_FLAG_ALL && iova === 0n && size === 0n;
        return all ? mappings.remove(0n, U64_MAX) : fail('EINVAL', UNMAP);
      }
      if (iova === 0n && size === U64_MAX) return mappings.remove(0n, U64_MAX);
      if (iova >= U64_MAX || size >= U64_MAX) fail('EOVERFLOW', UNMAP);
      if (size === 0n) fail('EINVAL', UNMAP);
      const last = iova + size - 1n;
      if (last > U64_MAX) fail('EOVERFLOW', UNMAP);
      if (mappings.areSplitBy(iova, last)) {
        if (mappings.splitsAt(iova)) fail('ENOENT', UNMAP);
        // The end of the unmap range would split a mapping. The kernel first removes all earlier
        // mappings of the range, then fails.
        const whole = mappings.at(last)?.iova ?? iova;
        if (whole > iova) mappings.remove(iova, whole - 1n);
        fail('ENOENT', UNMAP);
      }
      const removed = mappings.remove(iova, last);
      return removed === 0n ? fail('ENOENT', UNMAP) : removed;
    },
  };
}
