/**
 * The seam: what every way of reaching a device implements, at the level of a VFIO device file.
 * Raw meaning, no policy: numbers go to the kernel as they are given, and failures are
 * {@link VfioError} with the errno the kernel gives. Lifetimes: whoever created a thing closes it;
 * `close()` and `release()` are idempotent.
 */
import type { Eventfd, EventSet } from './eventfd.js';
import type { AddressSpace } from './memory.js';
import type { RegisterWindow } from './window.js';

export * from './eventfd.js';
export type * from './memory.js';
export type * from './window.js';

/** A PCI function as sysfs tells of it, without opening it. */
export interface PciFunction {
  /** `'0000:01:00.0'` for a real function, `'mock:nvme'` for an imitation. */
  readonly name: string;
  /** 16 bits each, as the next three. */
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** 24 bits: base class, sub class, programming interface. */
  readonly classCode: number;
  readonly revision: number;
  /** Bound kernel driver, or null. */
  readonly driver: string | null;
  /** IOMMU group number, or null where there is no IOMMU. */
  readonly iommuGroup: number | null;
}

/** The two ways into the kernel: group + container, or character device + iommufd. */
export type Via = 'group' | 'cdev';

/** File descriptors that somebody else opened; they are duplicated, the caller's stay his. */
export type OpenedFds =
  | { readonly via: 'group'; readonly container: number; readonly group: number }
  | { readonly via: 'cdev'; readonly iommufd: number; readonly device: number };

/** How a device is opened. */
export interface OpenOptions {
  /** Forces a way in. Default: `VFIO_VIA`, else what nodes there are (cdev first). */
  readonly via?: Via | undefined;
  /** UUID that guards the functions of an SR-IOV device: see {@link Features.setVfToken}. */
  readonly vfToken?: string | undefined;
  /** Allows a device without IOMMU protection: it can then write all memory of the host. */
  readonly noiommu?: boolean | undefined;
  /** Uses these instead of opening nodes: for programs started by a privileged launcher. */
  readonly fds?: OpenedFds | undefined;
}

export interface Backend {
  /** Whether this back end answers for a device of that name. */
  owns(name: string): boolean;
  /** The one name of a device that can be called by several. */
  canonical?(name: string): string;
  list(): PciFunction[];
  open(name: string, options: OpenOptions): Promise<DeviceConnection>;
  openSync(name: string, options: OpenOptions): DeviceConnection;
}

/** What stands between a device and memory: what sysfs and the modules' parameters tell of it. */
export interface IommuFacts {
  /** `'dmar0'` on Intel, `'ivhd0'` on AMD; null where there is none. */
  readonly name: string | null;
  /** Whether VFIO also takes devices whose interrupts are not isolated. */
  readonly unsafeInterrupts: boolean;
}

/** VFIO_DEVICE_GET_INFO. */
export interface DeviceInfo {
  /** VFIO_DEVICE_FLAGS_*: bit 0 it can be reset, bit 1 it is a PCI device. */
  readonly flags: number;
  /** Region indexes: 9 of every PCI device, and those of its own. */
  readonly numRegions: number;
  /** Interrupt indexes: INTx, MSI, MSI-X, ERR, REQ, and those of its own. */
  readonly numIrqs: number;
}

/** VFIO_DEVICE_GET_REGION_INFO with its capability chain. */
export interface RegionInfo {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*: bit 0 read, 1 write, 2 mmap, 3 it has capabilities. */
  readonly flags: number;
  /** Bytes; 0 where there is none. */
  readonly size: bigint;
  readonly capabilities: readonly RegionCapability[];
}

/** One element of the chain; an id we do not know is kept with its number alone. */
export interface RegionCapability {
  /** VFIO_REGION_INFO_CAP_*: 1 sparse mmap, 2 type, 3 MSI-X can be mapped. */
  readonly id: number;
  readonly version: number;
  /** VFIO_REGION_INFO_CAP_SPARSE_MMAP: what may be mapped, in bytes. */
  readonly areas?: readonly { readonly offset: bigint; readonly size: bigint }[];
  /** VFIO_REGION_INFO_CAP_TYPE. */
  readonly type?: number;
  readonly subtype?: number;
}

/** VFIO_DEVICE_GET_IRQ_INFO. */
export interface IrqInfo {
  readonly index: number;
  /** VFIO_IRQ_INFO_*: bit 0 eventfd, 1 maskable, 2 masks itself, 3 the vectors' number is fixed. */
  readonly flags: number;
  /** Vectors; 0 where there are none. */
  readonly count: number;
}

/** struct vfio_irq_set; `eventfds` or `bools` are its data. */
export interface IrqSet {
  readonly index: number;
  /** VFIO_IRQ_SET_*: DATA_NONE, _BOOL or _EVENTFD, with ACTION_MASK, _UNMASK or _TRIGGER. */
  readonly flags: number;
  /** First vector. */
  readonly start: number;
  /** Vectors; 0 with DATA_NONE and ACTION_TRIGGER disables the index. */
  readonly count: number;
  /** With DATA_EVENTFD: an eventfd, null for -1, or a number passed as it is. */
  readonly eventfds?: readonly (Eventfd | null | number)[];
  /** With DATA_BOOL: one byte each. */
  readonly bools?: readonly number[];
  /** Replaces the argsz computed from the data. */
  readonly argsz?: number;
}

/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
export interface HotResetInfo {
  /** VFIO_PCI_HOT_RESET_FLAG_*: bit 0 `id` is a device id, bit 1 the caller owns them all. */
  readonly flags: number;
  readonly devices: readonly {
    /** Address, `'0000:01:00.0'`. */
    readonly name: string;
    /** Group number, or device id where VFIO_PCI_HOT_RESET_FLAG_DEV_ID is set. */
    readonly id: number;
  }[];
}

/** VFIO_DEVICE_IOEVENTFD; a null eventfd removes the binding. */
export interface IoeventfdRequest {
  /** Index of a BAR. */
  readonly region: number;
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly width: number;
  /** What the kernel writes. */
  readonly value: bigint;
  readonly eventfd: Eventfd | null;
}

/**
 * An open device: one method an ioctl of a VFIO device file. A failure is a {@link VfioError} with
 * the errno the kernel gives; after {@link DeviceConnection.close} it is EBADF.
 */
export interface DeviceConnection {
  readonly name: string;
  /** The way it was reached. */
  readonly via: Via | 'noiommu';
  /** What it reaches by DMA: shared by the open devices of its IOMMU group. */
  readonly addressSpace: AddressSpace;
  readonly iommu: IommuFacts;
  /** Release of the kernel behind it: `'6.12.107'`, or `'mock 6.12'`. */
  readonly kernel: string;

  /** VFIO_DEVICE_GET_INFO. */
  getInfo(): DeviceInfo;
  /** VFIO_DEVICE_GET_REGION_INFO. EINVAL for an index the device does not have. */
  getRegionInfo(index: number): RegionInfo;
  /** VFIO_DEVICE_GET_IRQ_INFO. EINVAL for an index the device does not have. */
  getIrqInfo(index: number): IrqInfo;
  /**
   * VFIO_DEVICE_SET_IRQS.
   * @returns 0, or how many vectors the host has where it has fewer than asked for
   */
  setIrqs(set: IrqSet): number;
  /**
   * VFIO_DEVICE_FEATURE. ENOTTY where kernel or device do not know it.
   * @param flags - number of the feature, 16 bits, with VFIO_DEVICE_FEATURE_GET, _SET, _PROBE
   * @param data - follows the header, and is overwritten by a GET
   * @param eventfd - one whose number the data begins with, as that of LOW_POWER_ENTRY_WITH_WAKEUP:
   *   it is put there
   */
  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number;

  /** pread of the region: bytes read, perhaps fewer than asked for. */
  read(region: number, offset: number, into: Uint8Array): number;
  /** pwrite of the region: bytes written, perhaps fewer than given. */
  write(region: number, offset: number, from: Uint8Array): number;
  /** One positioned little-endian read of that width. */
  load(region: number, offset: number, width: 1 | 2 | 4): number;
  /** One positioned little-endian write of that width. */
  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void;
  /** mmap of part of a region; offset and length in bytes, whole pages. */
  map(region: number, offset: number, length: number): RegisterWindow;

  /** VFIO_DEVICE_RESET, on another thread: it can take a second. EINVAL if there is no reset. */
  reset(): Promise<void>;
  /** As {@link DeviceConnection.reset}, on this thread. */
  resetSync(): void;
  /** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. ENODEV if neither slot nor bus can be reset. */
  getHotResetInfo(): HotResetInfo;
  /** VFIO_DEVICE_PCI_HOT_RESET; `others` are further open devices it would reset as well. */
  hotReset(others: readonly DeviceConnection[]): void;
  /** VFIO_DEVICE_IOEVENTFD. */
  ioeventfd(request: IoeventfdRequest): void;
  /** Attaches the address space for a PASID as well (20 bits). cdev only. */
  attachPasid(pasid: number): void;
  /** Takes that back. */
  detachPasid(pasid: number): void;

  /** An eventfd that this back end can bind to an interrupt. The caller closes it. */
  createEventfd(): Eventfd;
  /**
   * Something to watch eventfds with. The caller closes it.
   * @param capacity - slots that can be watched: 0 to capacity - 1
   */
  createEventSet(capacity: number): EventSet;
  /** CPUs that serve the host interrupt behind a vector; ENOENT if it has none now. */
  getAffinity(index: number, vector: number): number[];
  /** Chooses them: /proc/irq/N/smp_affinity_list. EACCES without root. */
  setAffinity(index: number, vector: number, cpus: readonly number[]): void;
  /**
   * Waits until interrupts of these vectors that are on their way to a CPU have reached their
   * eventfds. SET_IRQS does so for a handler that runs, but drops what no CPU has taken yet. A
   * vector without a host interrupt has nothing to wait for.
   */
  synchronizeIrqs(index: number, vectors: readonly number[]): void;

  /** Disables interrupts, drops the mappings and leaves the device. Never throws. */
  close(): void;
}
