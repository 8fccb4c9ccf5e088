import { VfioError } from '../../errors.js';
import type { Native } from '../../native/binding.js';
import type { DmaCalls } from './address-space.js';
import { explained } from './explain.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import type { Releases } from './ownership.js';
import { VFIO_API_VERSION } from './uapi.js';

/**
 * Opens /dev/vfio/vfio, or duplicates a container, and sees that it knows the IOMMU type.
 *
 * @param type - VFIO_TYPE1v2_IOMMU or VFIO_NOIOMMU_IOMMU
 */
export function openContainer(
  { native, sysfs }: Kernel,
  type: number,
  given: number | undefined,
  taken: Releases,
): number {
  const path = sysfs.containerNode;
  const container = explained(
    path,
    () => (given === undefined ? native.open(path, true) : native.duplicate(given)),
    ({ code }) => {
      if (code === 'ENOENT' || code === 'ENODEV') return hints.noContainer(path);
      return code === 'EACCES' || code === 'EPERM' ? hints.notPermitted(path) : undefined;
    },
  );
  taken.add(() => {
    native.close(container);
  });
  const version = explained(path, () => native.containerGetApiVersion(container));
  if (version !== VFIO_API_VERSION) {
    throw new VfioError({
      code: 'EINVAL',
      message: `API version ${version} is not ${VFIO_API_VERSION}`,
      syscall: 'VFIO_GET_API_VERSION',
      path,
    });
  }
  if (explained(path, () => native.containerCheckExtension(container, type)) === 0) {
    throw new VfioError({
      code: 'ENODEV',
      message: `no IOMMU driver of type ${type}`,
      syscall: 'VFIO_CHECK_EXTENSION',
      path,
      hint: hints.noType1(),
    });
  }
  return container;
}

/** Whether VFIO_SET_IOMMU was done: only then there is a driver that could answer otherwise. */
export function hasIommu(native: Native, container: number): boolean {
  try {
    native.containerGetInfo(container);
    return true;
  } catch (error) {
    return !(error instanceof VfioError && error.code === 'EINVAL');
  }
}

/** DMA by the container: VFIO_IOMMU_MAP_DMA and its like. */
export function type1Calls({ native, sysfs }: Kernel, container: number): DmaCalls {
  return {
    path: sysfs.containerNode,
    pageSizes: () => native.containerGetInfo(container).pageSizes,
    ranges: () => native.containerGetInfo(container).ranges,
    map: (flags, address, iova, size) => {
      native.containerMapDma(container, flags, address, iova, size);
    },
    mapAsync: (flags, address, iova, size) =>
      native.containerMapDmaAsync(container, flags, address, iova, size),
    unmap: (flags, iova, size) => native.containerUnmapDma(container, flags, iova, size),
  };
}
