import { VfioError } from '../../errors.js';
import type { Native } from '../../native/binding.js';
import type { DmaCalls } from './address-space.js';
import { callWithPath } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import type { Releases } from '../../releases.js';
import { VFIO_API_VERSION } from './uapi.js';

/**
 * Opens /dev/vfio/vfio, or duplicates the descriptor of a container. Then checks the API version
 * and the IOMMU type of the container.
 *
 * @param type - VFIO_TYPE1v2_IOMMU or VFIO_NOIOMMU_IOMMU
 */
export function openContainer(
  { native, sysfs }: Kernel,
  type: number,
  given: number | undefined,
  releases: Releases,
): number {
  const path = sysfs.containerNode;
  const container = callWithPath(
    path,
    () => (given === undefined ? native.open(path, true) : native.duplicate(given)),
    ({ code }) => {
      if (code === 'ENOENT' || code === 'ENODEV') return hints.noContainer(path);
      return code === 'EACCES' || code === 'EPERM' ? hints.notPermitted(path) : undefined;
    },
  );
  releases.add(() => {
    native.close(container);
  });
  const version = callWithPath(path, () => native.containerGetApiVersion(container));
  if (version !== VFIO_API_VERSION) {
    throw new VfioError({
      code: 'EINVAL',
      message: `VFIO has API version ${version}, but only version ${VFIO_API_VERSION} is supported`,
      syscall: 'VFIO_GET_API_VERSION',
      path,
    });
  }
  if (callWithPath(path, () => native.containerCheckExtension(container, type)) === 0) {
    throw new VfioError({
      code: 'ENODEV',
      message: `the kernel has no IOMMU driver of type ${type}`,
      syscall: 'VFIO_CHECK_EXTENSION',
      path,
      hint: hints.noType1(),
    });
  }
  return container;
}

/**
 * Whether VFIO_SET_IOMMU has succeeded on the container. Before VFIO_SET_IOMMU, VFIO_IOMMU_GET_INFO
 * fails with EINVAL.
 */
export function hasIommu(native: Native, container: number): boolean {
  try {
    native.containerGetInfo(container);
    return true;
  } catch (error) {
    return !(error instanceof VfioError && error.code === 'EINVAL');
  }
}

/** Returns the DMA calls of a container, for example VFIO_IOMMU_MAP_DMA. */
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
    file: null,
  };
}
