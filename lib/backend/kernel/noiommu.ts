import { VfioError } from '../../errors.js';
import type { DmaCalls } from './address-space.js';
import { PAGE_SIZE } from '../../checks.js';
import * as hints from '../../sysfs/hints.js';

/** Returns DMA calls that fail with ENOTSUP, because VFIO cannot map memory without an IOMMU. */
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
    file: () => refuse('IOMMU_IOAS_MAP_FILE'),
  };
}

/** Warns that no IOMMU protects the host from the DMA of a device. */
export class NoiommuWarning {
  readonly #warned = new Set<string>();

  /** Emits the warning once for each device. */
  warnOnce(name: string): void {
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    process.emitWarning(
      `${name} is open without an IOMMU: its DMA can read and overwrite all memory of the host, ` +
        "the kernel's included. The kernel is now marked as tainted.",
      { type: 'VfioWarning', code: 'VFIO_NOIOMMU' },
    );
  }
}
