/**
 * The seam: what every way of reaching a device implements, at the level of a VFIO device file.
 * Raw meaning, no policy: numbers go to the kernel as they are given, and failures are
 * {@link VfioError} with the errno the kernel gives. Lifetimes: whoever created a thing closes it;
 * `close()` and `release()` are idempotent.
 */
import type { EventEmitter } from 'node:events';

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

/** Bytes of one access to registers. */
export type Width = 1 | 2 | 4 | 8;

/**
 * An open device: one method an ioctl of a VFIO device file. A failure is a {@link VfioError} with
 * the errno the kernel gives; after {@link DeviceConnection.close} it is EBADF.
 */
export interface DeviceConnection {
  readonly name: string;
  /** The way it was reached. */
  readonly via: Via | 'noiommu';
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

/** Events of a {@link RegisterWindow}, emitted in a microtask after the access that noticed it. */
export interface WindowEvents {
  /** The device's memory is gone: reads are all-ones and writes vanish. */
  lost: [];
  /** The device answers again. */
  restored: [];
}

/**
 * Mapped registers. Each read or write is exactly one little-endian access of its width.
 * Offsets are in bytes, naturally aligned; outside of the window is a RangeError before any
 * access, and use after `close()` a TypeError.
 *
 * While the device does not answer (memory decode off, D3hot, low power, a reset, an unplug)
 * reads are all-ones and writes vanish, as on a bus. The first access after that which reaches
 * the device is one like any other.
 */
export interface RegisterWindow extends EventEmitter<WindowEvents> {
  /** Bytes. */
  readonly size: number;
  /** Whether the last access found the device's memory gone. */
  readonly lost: boolean;
  /** One byte. */
  read8(offset: number): number;
  /** Two bytes. @param offset - even */
  read16(offset: number): number;
  /** Four bytes, as an unsigned number. @param offset - a multiple of 4 */
  read32(offset: number): number;
  /** Eight bytes, in one access. @param offset - a multiple of 8 */
  read64(offset: number): bigint;
  /**
   * Writes one byte.
   * @param value - of 8 bits, unsigned or signed; another is a RangeError, also in those below
   */
  write8(offset: number, value: number): void;
  /** Writes two bytes. @param offset - even @param value - of 16 bits */
  write16(offset: number, value: number): void;
  /** Writes four bytes. @param offset - a multiple of 4 @param value - of 32 bits */
  write32(offset: number, value: number): void;
  /** Writes eight bytes at once. @param offset - a multiple of 8 @param value - of 64 bits */
  write64(offset: number, value: bigint): void;
  /** Copies registers into memory by accesses of `width` bytes. */
  readBlock(offset: number, into: Uint8Array, width: Width): void;
  /** Copies memory into registers by accesses of `width` bytes. */
  writeBlock(offset: number, from: Uint8Array, width: Width): void;
  /** Unmaps them. Idempotent. */
  close(): void;
  /** As {@link RegisterWindow.close}. */
  [Symbol.dispose](): void;
}

/** A 64-bit counter that wakes who waits for it: eventfd(2), non-blocking. */
export interface Eventfd {
  /** The kernel's number, or null where the counter is an imitation. */
  readonly fd: number | null;
  /** Adds to the counter. @param count - 0 to 2^64 - 2, 1 by default */
  signal(count?: bigint): void;
  /** Takes the counter, leaving 0; 0n if nothing is pending. */
  read(): bigint;
  /** Idempotent; a use after it is a TypeError. */
  close(): void;
}

/**
 * `node:diagnostics_channel` on which a back end whose eventfds have no number tells that one was
 * signalled; a number can be watched with epoll.
 */
export const EVENTFD_CHANNEL = 'vfio.eventfd';

/** A message of {@link EVENTFD_CHANNEL}. */
export interface EventfdSignal {
  readonly eventfd: Eventfd;
  readonly count: bigint;
}

/**
 * The eventfds of one device, watched together. Either `serve` delivers from the event loop or
 * the caller waits by hand. Delivery is edge triggered: a counted slot's eventfd is read on
 * delivery, another's is not read and a delivery means "at least one".
 */
export interface EventSet {
  /** Slots that fired in the last wake: the first n are valid. Overwritten by the next. */
  readonly fired: Uint32Array;
  /** For counted slots, the value read, at the same position as in `fired`; else 0n. */
  readonly counts: BigUint64Array;
  /** What the eventfd held before is taken, so that only later signals are delivered. */
  add(slot: number, eventfd: Eventfd, counted: boolean): void;
  /** Watches that slot's eventfd no longer. */
  remove(slot: number): void;
  /** Calls `onFired(n)` once a wake. Starts unref'd. Exceptions in it are uncaught exceptions. */
  serve(onFired: (n: number) => void): void;
  /** Ends `serve`. */
  pause(): void;
  /** Sleeps until something fired. @param timeoutMs - -1 waits for ever @returns n, 0 after it */
  wait(timeoutMs: number): number;
  /** Spins until something fired, for so many microseconds. @returns n, 0 after them */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while served. */
  ref(): void;
  /** Lets the process end while served: the default. */
  unref(): void;
  /** Ends `serve`. The eventfds stay open: they are their owners'. Idempotent. */
  close(): void;
}

/** First and last usable IOVA, both inclusive. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * `true`: transparent huge pages where the system has them; `'2M'` and `'1G'`: from the reserved
 * pool of that size.
 */
export type HugePages = boolean | '2M' | '1G';

/** What a device can reach by DMA. */
export interface AddressSpace {
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  /** The addresses the device can use: VFIO_IOMMU_GET_INFO or IOMMU_IOAS_IOVA_RANGES. */
  ranges(): IovaRange[];
  /**
   * Zeroed, page-aligned memory.
   * @param size - bytes, whole pages
   * @param hugePages - true: 2 MiB aligned, transparent huge pages where the system gives them;
   *   '2M' and '1G': from the reserved pool, ENOMEM if it is empty
   */
  allocate(size: number, hugePages: HugePages): Memory;
  /** Memory behind a file descriptor (memfd, hugetlbfs file). */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory;
  /** A page-aligned SharedArrayBuffer of whole pages. @throws RangeError otherwise */
  fromShared(buffer: SharedArrayBuffer): Memory;
  /**
   * VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP, on another thread: pinning pages takes time. ENOMEM over
   * RLIMIT_MEMLOCK, EEXIST if part of it is mapped, EINVAL outside of {@link AddressSpace.ranges}.
   *
   * @param offset - into the memory, bytes, whole pages
   * @param size - bytes, whole pages
   * @param iova - first address the device sees it at, page-aligned
   * @param flags - VFIO_DMA_MAP_FLAG_READ and _WRITE, from the device's side
   */
  map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void>;
  /** As {@link AddressSpace.map}, on this thread. */
  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void;
  /**
   * VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP.
   * @param flags - VFIO_DMA_UNMAP_FLAG_*: bit 1 all, with address and size 0
   * @returns bytes unmapped
   */
  unmap(iova: bigint, size: bigint, flags: number): bigint;
}

/** Memory of the process that can be mapped for a device. */
export interface Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Bytes. */
  readonly size: number;
  /**
   * Lets go of it. An ArrayBuffer made here is detached; the memory leaves the process when no
   * transferred copy and no mapping of the address space can see it any more.
   */
  release(): void;
}
