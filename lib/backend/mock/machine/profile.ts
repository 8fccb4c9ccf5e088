import { checkBoolean, checkChoice, checkString } from '../../../checks.js';
import type { Via } from '../../../contract/index.js';
import { VIAS } from '../../../contract/open-options.js';

/** A version of Linux that the mock emulates. */
export type KernelVersion = '6.1' | '6.12' | '7.2' | '7.3';

/**
 * Differences between the emulated kernels. All other behaviour is the same in every emulated
 * kernel.
 */
interface Differences {
  /**
   * Whether the kernel has VFIO character devices and iommufd. Debian builds its kernels without
   * VFIO character devices.
   */
  readonly cdev: boolean;
  /** Whether the kernel has IOMMU_HWPT_ALLOC_PASID. */
  readonly pasids: boolean;
  /**
   * Whether vectors can be added while MSI-X is enabled. In older kernels, SET_IRQS fails if a
   * vector of the call is not enabled. The failed call changes no vector.
   */
  readonly dynamicMsix: boolean;
  /**
   * Whether conventional PCI functions also have the ERR index. In older kernels, only PCI Express
   * functions have the ERR index.
   */
  readonly errOfConventional: boolean;
  /**
   * Whether the ERR and REQ indexes refuse a file descriptor below -1. Older kernels ignore file
   * descriptors below -1.
   */
  readonly strictDescriptor: boolean;
  /** Errno for a DMA range that exceeds the 64-bit address space. */
  readonly wrappedRange: 'EINVAL' | 'EOVERFLOW';
  /**
   * Whether an unmap range that ends at the last 64-bit address removes mappings. Older kernels
   * remove no mappings for such a range.
   */
  readonly unmapsToTheEnd: boolean;
  /**
   * Whether a device can read write-only mappings. Older page tables for Intel IOMMUs allow these
   * reads.
   */
  readonly writableIsReadable: boolean;
  /** Maximum width in bytes of one kernel access when a program reads or writes a BAR. */
  readonly widestAccess: 4 | 8;
  /** Whether VFIO_DEVICE_IOEVENTFD accepts 8 bytes. */
  readonly wideIoeventfd: boolean;
  /** Whether vfio-pci shows the DVSEC extended capability. */
  readonly dvsec: boolean;
  /** Length in bytes that vfio-pci assumes for the version 2 PCIe capability of an endpoint. */
  readonly expressLength: number;
  /**
   * Whether the kernel knows VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2. If the device has no
   * migration, the feature fails with EINVAL. In kernels that do not know the feature, the feature
   * fails with ENOTTY.
   */
  readonly precopyInfo: boolean;
  /** Whether VFIO_DEVICE_BIND_IOMMUFD accepts a VF token, and requires the token. */
  readonly bindToken: boolean;
  /** Whether iommufd has IOMMU_IOAS_MAP_FILE. */
  readonly mapFile: boolean;
  /** Whether the kernel can be built with VFIO_DEVICE_FEATURE_DMA_BUF. */
  readonly dmabuf: boolean;
}

/** The emulated kernels: Linux 6.1.192, 6.12.107, 7.2.13 and 7.3.4. */
const KERNELS: Readonly<Record<KernelVersion, Differences>> = {
  '6.1': {
    cdev: false,
    pasids: false,
    dynamicMsix: false,
    errOfConventional: false,
    strictDescriptor: false,
    wrappedRange: 'EINVAL',
    unmapsToTheEnd: false,
    writableIsReadable: true,
    widestAccess: 4,
    wideIoeventfd: true,
    dvsec: false,
    expressLength: 0x32,
    precopyInfo: false,
    bindToken: false,
    mapFile: false,
    dmabuf: false,
  },
  '6.12': {
    cdev: true,
    pasids: false,
    dynamicMsix: true,
    errOfConventional: false,
    strictDescriptor: true,
    wrappedRange: 'EINVAL',
    unmapsToTheEnd: false,
    writableIsReadable: true,
    widestAccess: 8,
    wideIoeventfd: true,
    dvsec: true,
    expressLength: 0x34,
    precopyInfo: false,
    bindToken: false,
    mapFile: false,
    dmabuf: false,
  },
  '7.2': {
    cdev: true,
    pasids: true,
    dynamicMsix: true,
    errOfConventional: false,
    strictDescriptor: true,
    wrappedRange: 'EOVERFLOW',
    unmapsToTheEnd: true,
    writableIsReadable: false,
    widestAccess: 8,
    wideIoeventfd: false,
    dvsec: true,
    expressLength: 0x34,
    precopyInfo: true,
    bindToken: true,
    mapFile: true,
    dmabuf: true,
  },
  '7.3': {
    cdev: true,
    pasids: true,
    dynamicMsix: true,
    errOfConventional: true,
    strictDescriptor: true,
    wrappedRange: 'EOVERFLOW',
    unmapsToTheEnd: true,
    writableIsReadable: false,
    widestAccess: 8,
    wideIoeventfd: true,
    dvsec: true,
    expressLength: 0x34,
    precopyInfo: true,
    bindToken: true,
    mapFile: true,
    dmabuf: true,
  },
};

export const KERNEL_VERSIONS = Object.keys(KERNELS) as readonly KernelVersion[];
/** The newest kernel whose answers were compared by group and by character device. */
const DEFAULT_KERNEL: KernelVersion = '7.2';

/** Settings of the kernel that a mock device runs on. */
export interface ProfileOptions {
  /** Version of Linux. Default: 7.2. */
  readonly kernel?: KernelVersion | undefined;
  /**
   * Whether the kernel is built with VFIO_PCI_DMABUF. Default: true if the kernel version has
   * VFIO_PCI_DMABUF and `novirt` is off.
   */
  readonly dmabuf?: boolean | undefined;
  /**
   * Whether the kernel is patched with VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT. The features
   * PCI_MSI_NOVIRT and DMA_BUF have the same number. Default: false.
   */
  readonly novirt?: boolean | undefined;
  /**
   * Whether a variant driver is bound to the device. The variant driver has an interrupt index for
   * the device's private interrupt sources. Default: false.
   */
  readonly variant?: boolean | undefined;
  /**
   * Value of `via` if the options of `openDevice()` do not set `via`. The default is `'cdev'` if
   * the device has PASIDs and the kernel can attach PASIDs, and `'group'` in every other case.
   */
  readonly via?: Via | undefined;
}

/** A kernel with its build settings. */
export interface Profile extends Differences {
  readonly version: KernelVersion;
  readonly novirt: boolean;
  readonly variant: boolean;
  /** Value of `via`. If `via` is null, the default of the device applies. */
  readonly via: Via | null;
}

/**
 * Adds the default values to the settings of a kernel.
 *
 * @throws RangeError for an unknown kernel version, and if `dmabuf` and `novirt` are both on
 */
export function profileOf(options: ProfileOptions = {}): Profile {
  const { kernel = DEFAULT_KERNEL, novirt = false, variant = false, via = null } = options;
  checkString(kernel, 'kernel');
  for (const name of ['dmabuf', 'novirt', 'variant'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], name);
  }
  if (via !== null) checkChoice(via, 'via', VIAS);
  if (!Object.hasOwn(KERNELS, kernel)) {
    throw new RangeError(
      `kernel must be one of ${Object.keys(KERNELS).join(', ')}, not '${kernel}'`,
    );
  }
  const differences = KERNELS[kernel];
  const dmabuf = differences.dmabuf && (options.dmabuf ?? !novirt);
  if (dmabuf && novirt) {
    throw new RangeError('dmabuf and novirt share one feature number: turn dmabuf or novirt off');
  }
  return { ...differences, dmabuf, novirt, variant, via, version: kernel };
}
