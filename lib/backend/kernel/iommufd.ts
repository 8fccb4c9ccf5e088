import { VfioError } from '../../errors.js';
import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../../contract/uapi.js';
import { IOMMU_IOAS_MAP_FILE } from '../../contract/file-mappings.js';
import type { DmaCalls } from './address-space.js';
import { U64_MAX } from '../../checks.js';
import { callWithPath } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import { RefCounted } from './ownership.js';
import type { Releases } from '../../releases.js';
import * as uapi from './uapi.js';

const MAP = 'IOMMU_IOAS_MAP';

/**
 * An open /dev/iommu. All IOMMU groups of the process share one iommufd. For a hot reset via
 * character devices, all affected devices must be bound to the same iommufd.
 */
export class Iommufd extends RefCounted {
  readonly fd: number;

  constructor({ native, sysfs }: Kernel, given: number | undefined, releases: Releases) {
    super(releases);
    const path = sysfs.iommuNode;
    this.fd = callWithPath(
      path,
      () => (given === undefined ? native.open(path, true) : native.duplicate(given)),
      ({ code }) => {
        if (code === 'ENOENT' || code === 'ENODEV') return hints.noIommufd(path);
        return code === 'EACCES' || code === 'EPERM' ? hints.notPermitted(path) : undefined;
      },
    );
    releases.add(() => {
      native.close(this.fd);
    });
  }
}

/**
 * Returns the DMA calls of an I/O address space of an iommufd. The flags have the values of
 * linux/vfio.h.
 */
export function ioasCalls({ native, sysfs }: Kernel, fd: number, ioas: number): DmaCalls {
  return {
    path: sysfs.iommuNode,
    // A page size is supported if it is a multiple of the alignment. The alignment is a power of
    // two.
    pageSizes: () => BigInt.asUintN(64, -native.iommufdIoasIovaRanges(fd, ioas).alignment),
    ranges: () => native.iommufdIoasIovaRanges(fd, ioas).ranges,
    map: (flags, address, iova, size) => {
      native.iommufdIoasMap(fd, ioas, mapFlags(flags, MAP), address, iova, size);
    },
    mapAsync: async (flags, address, iova, size) => {
      await native.iommufdIoasMapAsync(fd, ioas, mapFlags(flags, MAP), address, iova, size);
    },
    file: (file) => ({
      map: (flags, start, iova, size) => {
        const mapped = mapFlags(flags, IOMMU_IOAS_MAP_FILE);
        native.iommufdIoasMapFile(fd, ioas, mapped, file, start, iova, size);
      },
      mapAsync: async (flags, start, iova, size) => {
        const mapped = mapFlags(flags, IOMMU_IOAS_MAP_FILE);
        await native.iommufdIoasMapFileAsync(fd, ioas, mapped, file, start, iova, size);
      },
    }),
    unmap: (flags, iova, size) => {
      if (flags === 0) return native.iommufdIoasUnmap(fd, ioas, iova, size);
      // VFIO_DMA_UNMAP_FLAG_ALL is valid only with IOVA 0 and size 0. The kernel's emulation of
      // VFIO_IOMMU_UNMAP_DMA makes the same check.
      if (flags !== VFIO_DMA_UNMAP_FLAG_ALL || iova !== 0n || size !== 0n) {
        throw new VfioError({ code: 'EINVAL', syscall: 'IOMMU_IOAS_UNMAP' });
      }
      return native.iommufdIoasUnmap(fd, ioas, 0n, U64_MAX);
    },
  };
}

function mapFlags(flags: number, syscall: string): number {
  if ((flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) !== 0) {
    throw new VfioError({ code: 'EINVAL', syscall });
  }
  return (
    uapi.IOMMU_IOAS_MAP_FIXED_IOVA |
    ((flags & VFIO_DMA_MAP_FLAG_READ) !== 0 ? uapi.IOMMU_IOAS_MAP_READABLE : 0) |
    ((flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0 ? uapi.IOMMU_IOAS_MAP_WRITEABLE : 0)
  );
}
