import { VfioError } from '../../errors.js';
import type { DmaCalls } from './address-space.js';
import { PAGE_SIZE } from '../../checks.js';
import * as hints from '../../sysfs/hints.js';

/** DMA without an IOMMU: VFIO has no calls for it. */
export function noiommuCalls(path: string): DmaCalls {
  const refuse = (syscall: string): never => {
    const message = 'DMA mappings need an IOMMU';
    throw new VfioError({ code: 'ENOTSUP', message, syscall, path, hint: hints.noDma() });
  };
  return {
    path,
    pageSizes: () => BigInt(PAGE_SIZE),
    ranges: () => [],
    map: () => refuse('VFIO_IOMMU_MAP_DMA'),
    mapAsync: () => new Promise(() => refuse('VFIO_IOMMU_MAP_DMA')),
    unmap: () => refuse('VFIO_IOMMU_UNMAP_DMA'),
  };
}

/** Says once a process and device that the host is not protected from it. */
export class NoiommuWarning {
  readonly #told = new Set<string>();

  tell(name: string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    process.emitWarning(
      `${name} is open without an IOMMU: by DMA it can read and overwrite all memory of the host, the kernel included, and the kernel is marked as tainted`,
      { type: 'VfioWarning', code: 'VFIO_NOIOMMU' },
    );
  }
}
