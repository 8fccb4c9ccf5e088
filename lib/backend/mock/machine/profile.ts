import type { Via } from '../../../contract/index.js';

/** A version of Linux that is imitated. */
export type KernelVersion = '6.1' | '6.12' | '7.2';

/** What differs between the kernels; all else is the same in each. */
interface Differences {
  /** Character devices and iommufd. The distribution builds its kernels without them. */
  readonly cdev: boolean;
  /** IOMMU_HWPT_ALLOC_PASID. */
  readonly pasids: boolean;
  /**
   * Vectors of MSI-X can be added while it is enabled. Without it SET_IRQS checks a block against
   * the vectors that were enabled, before it touches any.
   */
  readonly dynamicMsix: boolean;
  /** ERR and REQ take -1 as the only negative descriptor; else any other is ignored. */
  readonly strictDescriptor: boolean;
  /** A DMA range that wraps around the end of the address space. */
  readonly wrappedRange: 'EINVAL' | 'EOVERFLOW';
  /** Unmapping a range up to the last address of 64 bits finds what is in it; else nothing. */
  readonly unmapsToTheEnd: boolean;
  /** A device may read what is mapped for it to write: Intel's page tables say it so. */
  readonly writableIsReadable: boolean;
  /** Widest access that a read or write of a BAR is split into, in bytes. */
  readonly widestAccess: 4 | 8;
  /** VFIO_DEVICE_IOEVENTFD of 8 bytes. */
  readonly wideIoeventfd: boolean;
  /** The DVSEC extended capability is shown; else it is hidden. */
  readonly dvsec: boolean;
  /** Bytes that vfio-pci covers of the PCIe capability of an endpoint, version 2. */
  readonly expressLength: number;
  /** VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 is known, and EINVAL without migration. */
  readonly precopyInfo: boolean;
  /** VFIO_DEVICE_FEATURE_DMA_BUF is known, where the kernel is built with it. */
  readonly dmabuf: boolean;
}

/** Linux 6.1.192, 6.12.107 and 7.2.13. */
const KERNELS: Readonly<Record<KernelVersion, Differences>> = {
  '6.1': {
    cdev: false,
    pasids: false,
    dynamicMsix: false,
    strictDescriptor: false,
    wrappedRange: 'EINVAL',
    unmapsToTheEnd: false,
    writableIsReadable: true,
    widestAccess: 4,
    wideIoeventfd: true,
    dvsec: false,
    expressLength: 0x32,
    precopyInfo: false,
    dmabuf: false,
  },
  '6.12': {
    cdev: true,
    pasids: false,
    dynamicMsix: true,
    strictDescriptor: true,
    wrappedRange: 'EINVAL',
    unmapsToTheEnd: false,
    writableIsReadable: true,
    widestAccess: 8,
    wideIoeventfd: true,
    dvsec: true,
    expressLength: 0x34,
    precopyInfo: false,
    dmabuf: false,
  },
  '7.2': {
    cdev: true,
    pasids: true,
    dynamicMsix: true,
    strictDescriptor: true,
    wrappedRange: 'EOVERFLOW',
    unmapsToTheEnd: true,
    writableIsReadable: false,
    widestAccess: 8,
    wideIoeventfd: false,
    dvsec: true,
    expressLength: 0x34,
    precopyInfo: true,
    dmabuf: true,
  },
};

export const KERNEL_VERSIONS = Object.keys(KERNELS) as readonly KernelVersion[];
const NEWEST: KernelVersion = '7.2';

/** The kernel behind an imitated device. */
export interface ProfileOptions {
  /** Version of Linux. Default: the newest, 7.2. */
  readonly kernel?: KernelVersion | undefined;
  /** Built with VFIO_PCI_DMABUF. Default: where the version has it, and MSI_NOVIRT is off. */
  readonly dmabuf?: boolean | undefined;
  /** Patched with VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT, whose number is that of DMA_BUF. */
  readonly novirt?: boolean | undefined;
  /** A driver for the device itself, which has an interrupt index for its private sources. */
  readonly variant?: boolean | undefined;
  /**
   * Way in, unless the options of an open name another. Default: group; for a device with PASIDs
   * the character device, where the kernel can attach them.
   */
  readonly via?: Via | undefined;
}

/** A kernel as it was built. */
export interface Profile extends Differences {
  readonly version: KernelVersion;
  readonly novirt: boolean;
  readonly variant: boolean;
  /** null: by what the device is. */
  readonly via: Via | null;
}

/** @throws RangeError if DMA_BUF and MSI_NOVIRT are both asked for: they share a number */
export function profileOf(options: ProfileOptions = {}): Profile {
  const { kernel = NEWEST, novirt = false, variant = false, via = null } = options;
  if (!Object.hasOwn(KERNELS, kernel)) {
    throw new RangeError(
      `kernel must be one of ${Object.keys(KERNELS).join(', ')}, not '${kernel}'`,
    );
  }
  const differences = KERNELS[kernel];
  const dmabuf = differences.dmabuf && (options.dmabuf ?? !novirt);
  if (dmabuf && novirt) {
    throw new RangeError('dmabuf and novirt are the same feature number: only one can be on');
  }
  return { ...differences, dmabuf, novirt, variant, via, version: kernel };
}
