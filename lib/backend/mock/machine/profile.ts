import type { Via } from '../../../contract/index.js';

/** A version of Linux that the mock emulates. */
export type KernelVersion = '6.1' | '6.12' | '7.2';

/** Differences between the kernels. The mock answers the same on all of them otherwise. */
interface Differences {
  /** Whether the kernel has VFIO character devices and iommufd. Debian builds kernels without. */
  readonly cdev: boolean;
  /** Whether the kernel has IOMMU_HWPT_ALLOC_PASID. */
  readonly pasids: boolean;
  /**
   * Whether vectors can be added while MSI-X is enabled. Older kernels check all vectors of a
   * SET_IRQS against the number enabled, before they change any vector.
   */
  readonly dynamicMsix: boolean;
  /** Whether ERR and REQ refuse descriptors below -1. Older kernels ignore them. */
  readonly strictDescriptor: boolean;
  /** Errno for a DMA range that wraps around the end of the address space. */
  readonly wrappedRange: 'EINVAL' | 'EOVERFLOW';
  /** Whether an unmap up to the last 64-bit address removes mappings. Older kernels remove none. */
  readonly unmapsToTheEnd: boolean;
  /** Whether a device can read write-only mappings, as with older page tables for Intel IOMMUs. */
  readonly writableIsReadable: boolean;
  /** Widest access in bytes that the kernel makes for a read or write of a BAR. */
  readonly widestAccess: 4 | 8;
  /** Whether VFIO_DEVICE_IOEVENTFD accepts 8 bytes. */
  readonly wideIoeventfd: boolean;
  /** Whether vfio-pci shows the DVSEC extended capability. */
  readonly dvsec: boolean;
  /** Bytes that vfio-pci covers of the PCIe capability of an endpoint, version 2. */
  readonly expressLength: number;
  /**
   * Whether the kernel knows VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2. The call then fails with
   * EINVAL for a device without migration, else with ENOTTY.
   */
  readonly precopyInfo: boolean;
  /** Whether the kernel can be built with VFIO_DEVICE_FEATURE_DMA_BUF. */
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

/** Settings of the kernel that a mock device runs on. */
export interface ProfileOptions {
  /** Version of Linux. Default: the newest, 7.2. */
  readonly kernel?: KernelVersion | undefined;
  /**
   * Whether the kernel is built with VFIO_PCI_DMABUF. Default: true if the version has it and
   * `novirt` is off.
   */
  readonly dmabuf?: boolean | undefined;
  /**
   * Whether the kernel is patched with VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT, which has the same
   * feature number as DMA_BUF. Default: false.
   */
  readonly novirt?: boolean | undefined;
  /**
   * Whether a variant driver of the device is bound, with an interrupt index for private sources.
   * Default: false.
   */
  readonly variant?: boolean | undefined;
  /**
   * Way of access for an open that does not choose one. Default: `'group'`; for a device with
   * PASIDs `'cdev'`, if the kernel can attach PASIDs.
   */
  readonly via?: Via | undefined;
}

/** A kernel with its build settings. */
export interface Profile extends Differences {
  readonly version: KernelVersion;
  readonly novirt: boolean;
  readonly variant: boolean;
  /** Way of access; null for the default of the device. */
  readonly via: Via | null;
}

/**
 * Completes the settings of a kernel.
 *
 * @throws RangeError for an unknown version, and if `dmabuf` and `novirt` are both on
 */
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
    throw new RangeError('dmabuf and novirt share one feature number: turn one of them off');
  }
  return { ...differences, dmabuf, novirt, variant, via, version: kernel };
}
