/** Hints for mappings of a dma-buf and of a memfd. Each back end with an iommufd uses these hints. */

/** The ioctl of iommufd that maps a dma-buf or a memfd by its descriptor. */
export const IOMMU_IOAS_MAP_FILE = 'IOMMU_IOAS_MAP_FILE';

/** The hint for a container, which maps only memory of the process. */
export const NO_FILE_MAPPINGS =
  "Only iommufd maps a dma-buf or a memfd by its descriptor. Open the device with the option via: 'cdev'. To map a memfd through a container, use the source { fd, offset, size }.";

/**
 * Explains an error of IOMMU_IOAS_MAP_FILE. Returns undefined if the error has other causes, too.
 * The versions are those of the pull requests of iommufd: memfds in 6.13, dma-bufs in 6.19.
 */
export function explainFileMapping(code: string): string | undefined {
  switch (code) {
    case 'ENOTTY':
      return 'The kernel cannot map files for a device: IOMMU_IOAS_MAP_FILE needs Linux 6.13 for a memfd, and Linux 6.19 with CONFIG_VFIO_PCI_DMABUF for a dma-buf.';
    case 'ENOTSUP':
      return 'iommufd maps only a dma-buf of one range that vfio-pci has exported. Export each range as a dma-buf of its own.';
    case 'ENODEV':
      return 'The dma-buf is revoked: its device is closed, being reset, or in D3hot, or its memory decode is off. Turn on memory decode of the exporting device, and map the dma-buf again.';
    default:
      return undefined;
  }
}
