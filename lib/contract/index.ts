/**
 * The interfaces that every back end implements. The methods correspond to the operations of a VFIO
 * device file. The interfaces contain no policy. The kernel receives every number unchanged.
 * Failures throw a {@link VfioError} with the kernel's errno. The code that creates an object must
 * close the object. `close()` and `release()` are idempotent. Use of a closed or released object
 * throws a {@link VfioError} EBADF. If the library closed the device at the host's request, the
 * error has a hint. Wrong arguments throw TypeError or RangeError.
 */
import type { DeviceClock } from './clock.js';
import type { Eventfd, EventfdFactory } from './eventfd.js';
import type { AddressSpace, CreatedAddressSpace, PasidOptions } from './memory.js';
import type { RegisterWindow } from './window.js';

export * from './eventfd.js';
export type * from './memory.js';
export type * from './window.js';

/**
 * The description of a PCI function in sysfs. The description can be read without opening the
 * function.
 */
export interface PciFunction {
  /**
   * The name, for example `'0000:01:00.0'` for a real function or `'mock:nvme'` for a mock device.
   */
  readonly name: string;
  /** 16 bits. */
  readonly vendorId: number;
  /** 16 bits. */
  readonly deviceId: number;
  /** 16 bits. */
  readonly subsystemVendorId: number;
  /** 16 bits. */
  readonly subsystemId: number;
  /** The class code of 24 bits: base class, sub class and programming interface. */
  readonly classCode: number;
  readonly revision: number;
  /** The name of the kernel driver, or null if the function is unbound. */
  readonly driver: string | null;
  /** IOMMU group number, or null if the function has no IOMMU. */
  readonly iommuGroup: number | null;
}

/**
 * The two interfaces of the kernel: `'group'` uses a group and a container, and `'cdev'` uses a
 * character device and iommufd.
 */
export type Via = 'group' | 'cdev';

/**
 * The interface through which a device is open. `'noiommu'` is a group without an IOMMU, and
 * `'vfio-user'` is the socket of a server.
 */
export type OpenedVia = Via | 'noiommu' | 'vfio-user';

/**
 * File descriptors that the caller received from another process. The library duplicates the
 * descriptors. The caller still owns the original descriptors.
 */
export type OpenedFds =
  | { readonly via: 'group'; readonly container: number; readonly group: number }
  | { readonly via: 'cdev'; readonly iommufd: number; readonly device: number };

/** Options for opening a device. */
export interface OpenOptions {
  /**
   * The kernel interface. Default: the value of the environment variable `VFIO_VIA`. If `VFIO_VIA`
   * is not set, the default is `'cdev'` on a host with device nodes for cdev, and `'group'` on any
   * other host.
   */
  readonly via?: Via | undefined;
  /**
   * The VF token. A VF token is a UUID that protects the functions of an SR-IOV device: see
   * {@link Features.setVfToken}.
   */
  readonly vfToken?: string | undefined;
  /**
   * Allows a device without an IOMMU. A device without an IOMMU can overwrite all memory of the
   * host.
   */
  readonly noiommu?: boolean | undefined;
  /**
   * Open file descriptors. If `fds` is given, the library uses the descriptors instead of opening
   * device nodes. A privileged launcher can pass the descriptors to an unprivileged program.
   */
  readonly fds?: OpenedFds | undefined;
}

/** A back end opens either real devices through the kernel, or mock devices. */
export interface Backend {
  /** Whether this back end opens the device with this name. */
  owns(name: string): boolean;
  /** Returns the canonical name of the device that has the given name. */
  canonical?(name: string): string;
  /** Lists the PCI functions that this back end finds. */
  list(): PciFunction[];
  /** Opens a device. The system calls run on another thread. */
  open(name: string, options: OpenOptions): Promise<DeviceConnection>;
  /** Opens a device, and blocks the calling thread. */
  openSync(name: string, options: OpenOptions): DeviceConnection;
}

/**
 * Properties of a device's IOMMU. The values come from sysfs and from the parameters of the kernel
 * modules.
 */
export interface IommuFacts {
  /**
   * The name of the IOMMU, for example `'dmar0'` on Intel, `'ivhd0'` on AMD or
   * `'smmu3.0x0000000009050000'` on arm64; null if there is no IOMMU.
   */
  readonly name: string | null;
  /** Whether the kernel allows devices whose interrupts are not isolated. */
  readonly unsafeInterrupts: boolean;
}

/** The result of VFIO_DEVICE_GET_INFO. */
export interface DeviceInfo {
  /** VFIO_DEVICE_FLAGS_*. Bit 0: the device supports reset. Bit 1: the device is a PCI device. */
  readonly flags: number;
  /**
   * Number of region indexes. Every PCI device has 9 indexes, and some devices have additional
   * device-specific indexes.
   */
  readonly numRegions: number;
  /**
   * Number of interrupt indexes. Every PCI device has the indexes INTx, MSI, MSI-X, ERR and REQ,
   * and some devices have additional device-specific indexes.
   */
  readonly numIrqs: number;
}

/** The result of VFIO_DEVICE_GET_REGION_INFO, including the capability chain. */
export interface RegionInfo {
  readonly index: number;
  /** VFIO_REGION_INFO_FLAG_*. Bit 0: read. Bit 1: write. Bit 2: mmap. Bit 3: capabilities. */
  readonly flags: number;
  /** Size in bytes, or 0 if the device does not have the region. */
  readonly size: bigint;
  readonly capabilities: readonly RegionCapability[];
}

/**
 * One element of the region's capability chain. If the library does not know the id, only the
 * fields `id` and `version` are set.
 */
export interface RegionCapability {
  /** VFIO_REGION_INFO_CAP_*: 1 is sparse mmap, 2 is type, 3 is MSI-X mappable. */
  readonly id: number;
  readonly version: number;
  /**
   * For VFIO_REGION_INFO_CAP_SPARSE_MMAP: the areas that can be mapped. Offsets and sizes are in
   * bytes.
   */
  readonly areas?: readonly { readonly offset: bigint; readonly size: bigint }[];
  /** VFIO_REGION_INFO_CAP_TYPE. */
  readonly type?: number;
  readonly subtype?: number;
}

/** The file by which a process maps a region. */
export interface RegionFile {
  /** The descriptor, which the connection owns. */
  readonly fd: number;
  /** The start of the region in the file, in bytes. */
  readonly offset: bigint;
}

/** The result of VFIO_DEVICE_GET_IRQ_INFO. */
export interface IrqInfo {
  readonly index: number;
  /** VFIO_IRQ_INFO_*. Bit 0: eventfd. Bit 1: maskable. Bit 2: automasked. Bit 3: noresize. */
  readonly flags: number;
  /** Number of vectors; 0 if the device does not have this interrupt. */
  readonly count: number;
}

/** The fields of struct vfio_irq_set. The data are in `eventfds` or in `bools`. */
export interface IrqSet {
  readonly index: number;
  /**
   * VFIO_IRQ_SET_*: one of DATA_NONE, DATA_BOOL and DATA_EVENTFD, plus one of ACTION_MASK,
   * ACTION_UNMASK and ACTION_TRIGGER.
   */
  readonly flags: number;
  /** First vector. */
  readonly start: number;
  /**
   * Number of vectors. If the flags are DATA_NONE and ACTION_TRIGGER, a count of 0 disables the
   * index.
   */
  readonly count: number;
  /**
   * The data for DATA_EVENTFD: one eventfd for each vector. The library passes -1 to the kernel for
   * null, and passes numbers unchanged.
   */
  readonly eventfds?: readonly (Eventfd | null | number)[];
  /** The data for DATA_BOOL: one byte for each vector. */
  readonly bools?: readonly number[];
  /** The value of `argsz`. Default: the size of the header and the data. */
  readonly argsz?: number;
}

/** The result of VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
export interface HotResetInfo {
  /**
   * VFIO_PCI_HOT_RESET_FLAG_*. Bit 0: the field `id` contains device ids instead of group numbers.
   * Bit 1: the caller owns all devices.
   */
  readonly flags: number;
  readonly devices: readonly {
    /** Address, `'0000:01:00.0'`. */
    readonly name: string;
    /**
     * The device id if the flag VFIO_PCI_HOT_RESET_FLAG_DEV_ID is set; the number of the IOMMU
     * group if the flag is clear.
     */
    readonly id: number;
  }[];
}

/** The fields of a VFIO_DEVICE_IOEVENTFD request. */
export interface IoeventfdRequest {
  /** Index of a BAR. */
  readonly region: number;
  /** The offset in the region, in bytes. */
  readonly offset: number;
  /** The width of the write: 1, 2, 4 or 8 bytes. */
  readonly width: number;
  /** The value that the kernel writes when the eventfd is signalled. */
  readonly value: bigint;
  /** The eventfd to bind, or null to remove the binding. */
  readonly eventfd: Eventfd | null;
}

/**
 * An open device, with one method for each ioctl of a VFIO device file. Failures throw a {@link
 * VfioError} with the kernel's errno. After {@link DeviceConnection.close} every method throws
 * EBADF.
 */
export interface DeviceConnection extends EventfdFactory {
  readonly name: string;
  /** The interface through which the device was opened. */
  readonly via: OpenedVia;
  /**
   * The address space of the device for DMA. All open devices in one IOMMU group share one address
   * space.
   */
  readonly addressSpace: AddressSpace;
  readonly iommu: IommuFacts;
  /**
   * The kernel version, for example `'6.12.107'` for a real device or `'mock 6.12'` for a mock
   * device. For a device behind a socket, the version of the protocol, for example
   * `'vfio-user 0.1'`.
   */
  readonly kernel: string;
  /** The clock that measures timeouts. Default: the clock of the process. */
  readonly clock?: DeviceClock;
  /**
   * Aborted if the device is gone although the program has not closed the connection: the server
   * of a vfio-user device has ended. The reason is a {@link VfioError}. Undefined for a device of
   * the kernel, which reports its end by REQ.
   */
  readonly gone?: AbortSignal | undefined;

  /** VFIO_DEVICE_GET_INFO. */
  getInfo(): DeviceInfo;
  /** VFIO_DEVICE_GET_REGION_INFO. Fails with EINVAL for an index that the device does not have. */
  getRegionInfo(index: number): RegionInfo;
  /** VFIO_DEVICE_GET_IRQ_INFO. Fails with EINVAL for an index that the device does not have. */
  getIrqInfo(index: number): IrqInfo;
  /**
   * VFIO_DEVICE_SET_IRQS. This call changes the vectors of `device.interrupts` and of a
   * {@link PhysicalSource} without their knowledge. A vector that this call unbinds delivers no
   * interrupt, although its object is still open. Therefore bind, unbind and disable by this call
   * only an index that no other object uses.
   * @returns 0 on success. If the host has fewer vectors than requested, the result is the number
   *   of available vectors.
   */
  setIrqs(set: IrqSet): number;
  /**
   * VFIO_DEVICE_FEATURE. Fails with ENOTTY if the kernel or the device does not have the feature.
   * @param flags - the 16-bit feature number, combined with VFIO_DEVICE_FEATURE_GET, _SET or _PROBE
   * @param data - the bytes after the header. A GET request overwrites the bytes.
   * @param eventfd - the wakeup eventfd of LOW_POWER_ENTRY_WITH_WAKEUP. The call writes the file
   *   descriptor of the eventfd to the first 4 bytes of `data`.
   * @returns 0. A GET of DMA_BUF returns a new file descriptor. The caller owns the descriptor and
   *   closes it by `closeSync()` of node:fs.
   */
  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number;

  /**
   * Reads from a region with one `pread()`.
   * @returns the number of bytes read, which can be smaller than requested
   */
  read(region: number, offset: number, into: Uint8Array): number;
  /**
   * Writes to a region with one `pwrite()`.
   * @returns the number of bytes written, which can be smaller than the length of the data
   */
  write(region: number, offset: number, from: Uint8Array): number;
  /** Reads a little-endian number of `width` bytes with one `pread()`. */
  load(region: number, offset: number, width: 1 | 2 | 4): number;
  /** Writes a little-endian number of `width` bytes with one `pwrite()`. */
  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void;
  /**
   * Maps part of a region with `mmap()`. The offset and the length are in bytes, and must be
   * multiples of the page size.
   */
  map(region: number, offset: number, length: number): RegisterWindow;
  /**
   * Returns the file by which another process maps a region. The file of a real device is the device
   * file. A process that has this file can do everything with the device. The function is absent if
   * the regions are not in a file, and if an observer must see all accesses.
   */
  readonly regionFile?: ((region: number) => RegionFile) | undefined;

  /**
   * Calls VFIO_DEVICE_RESET on another thread, because a reset can take a second. Fails with EINVAL
   * if the device does not support reset.
   */
  reset(): Promise<void>;
  /** Resets the device like {@link DeviceConnection.reset}, but blocks the calling thread. */
  resetSync(): void;
  /**
   * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. Fails with ENODEV if neither the slot nor the bus supports
   * reset.
   */
  getHotResetInfo(): HotResetInfo;
  /**
   * Resets the device by VFIO_DEVICE_PCI_HOT_RESET.
   * @param others - the other open devices that the reset affects
   */
  hotReset(others: readonly DeviceConnection[]): void;
  /** VFIO_DEVICE_IOEVENTFD. */
  ioeventfd(request: IoeventfdRequest): void;
  /**
   * Creates an address space for requests with a PASID (IOMMU_IOAS_ALLOC). Character device only.
   * The program closes the address space.
   * @throws {@link VfioError} ENOTSUP if the device was opened through its group
   */
  createAddressSpace(): CreatedAddressSpace;
  /**
   * Attaches a PASID to an address space: IOMMU_HWPT_ALLOC and VFIO_DEVICE_ATTACH_IOMMUFD_PT.
   * Character device only. If the PASID is attached already, the new address space replaces the old
   * address space.
   *
   * @param pasid - 20 bits
   * @throws {@link VfioError} ENOTSUP if the device was opened through its group, or the kernel or
   *   the IOMMU has no PASIDs; EBUSY for PASID 0; EADDRINUSE if the address space maps an address
   *   that the IOMMU cannot translate; EBADF if the address space is closed
   */
  attachPasid(pasid: number, options?: PasidOptions): void;
  /** Detaches a PASID from its address space. */
  detachPasid(pasid: number): void;

  /**
   * Reads the CPUs that serve a vector's host interrupt. Fails with ENOENT if the vector has no
   * host interrupt at the moment.
   */
  getAffinity(index: number, vector: number): number[];
  /**
   * Sets the CPUs that serve a vector's host interrupt, by a write to
   * /proc/irq/N/smp_affinity_list. Fails with EACCES if the process is not root.
   */
  setAffinity(index: number, vector: number, cpus: readonly number[]): void;
  /**
   * Waits until every interrupt of `vectors` that is on its way to a CPU has signalled its eventfd.
   * SET_IRQS itself waits only for handlers that are already running. SET_IRQS drops the
   * interrupts that no CPU has accepted yet. If a vector has no host interrupt, the call returns
   * immediately.
   */
  synchronizeIrqs(index: number, vectors: readonly number[]): void;

  /**
   * Disables the interrupts, unmaps the windows, and closes the device. Idempotent; never throws.
   * @param hint - the hint of later EBADF errors, if the library closes the device on its own
   */
  close(hint?: string): void;
}
