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

export interface OpenOptions {
  /** Forces a way in. Default: `VFIO_VIA`, else what nodes there are (cdev first). */
  readonly via?: Via | undefined;
  /** UUID that guards the functions of an SR-IOV device. */
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
  readonly flags: number;
  readonly numRegions: number;
  readonly numIrqs: number;
}

/** VFIO_DEVICE_GET_REGION_INFO with its capability chain. */
export interface RegionInfo {
  readonly index: number;
  readonly flags: number;
  readonly size: bigint;
  readonly capabilities: readonly RegionCapability[];
}

/** One element of the chain; an id we do not know is kept with its number alone. */
export interface RegionCapability {
  readonly id: number;
  readonly version: number;
  /** VFIO_REGION_INFO_CAP_SPARSE_MMAP: what may be mapped. */
  readonly areas?: readonly { readonly offset: bigint; readonly size: bigint }[];
  /** VFIO_REGION_INFO_CAP_TYPE. */
  readonly type?: number;
  readonly subtype?: number;
}

/** VFIO_DEVICE_GET_IRQ_INFO. */
export interface IrqInfo {
  readonly index: number;
  readonly flags: number;
  readonly count: number;
}

/** struct vfio_irq_set; `eventfds` or `bools` are its data. */
export interface IrqSet {
  readonly index: number;
  readonly flags: number;
  readonly start: number;
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
  readonly flags: number;
  readonly devices: readonly {
    readonly name: string;
    /** Group number, or device id where VFIO_PCI_HOT_RESET_FLAG_DEV_ID is set. */
    readonly id: number;
  }[];
}

/** VFIO_DEVICE_IOEVENTFD; a null eventfd removes the binding. */
export interface IoeventfdRequest {
  readonly region: number;
  readonly offset: number;
  readonly width: number;
  readonly value: bigint;
  readonly eventfd: Eventfd | null;
}

export type Width = 1 | 2 | 4 | 8;

/** An open device: one method an ioctl of a VFIO device file. */
export interface DeviceConnection {
  readonly name: string;
  readonly via: Via | 'noiommu';
  readonly addressSpace: AddressSpace;
  readonly iommu: IommuFacts;
  /** Release of the kernel behind it: `'6.12.107'`, or `'mock 6.12'`. */
  readonly kernel: string;

  getInfo(): DeviceInfo;
  getRegionInfo(index: number): RegionInfo;
  getIrqInfo(index: number): IrqInfo;
  /** @returns 0, or how many vectors the host has where it has fewer than asked for. */
  setIrqs(set: IrqSet): number;
  /**
   * VFIO_DEVICE_FEATURE. `data` follows the header and is overwritten by a GET.
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

  reset(): Promise<void>;
  resetSync(): void;
  getHotResetInfo(): HotResetInfo;
  /** VFIO_DEVICE_PCI_HOT_RESET; `others` are further open devices it would reset as well. */
  hotReset(others: readonly DeviceConnection[]): void;
  ioeventfd(request: IoeventfdRequest): void;
  /** Attaches the address space for a PASID as well (20 bits). cdev only. */
  attachPasid(pasid: number): void;
  detachPasid(pasid: number): void;

  createEventfd(): Eventfd;
  /** @param capacity - slots that can be watched: 0 to capacity - 1 */
  createEventSet(capacity: number): EventSet;
  /** CPUs that serve the host interrupt behind a vector; ENOENT if it has none now. */
  getAffinity(index: number, vector: number): number[];
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
  lost: [];
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
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  read64(offset: number): bigint;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
  write64(offset: number, value: bigint): void;
  /** Copies registers into memory by accesses of `width` bytes. */
  readBlock(offset: number, into: Uint8Array, width: Width): void;
  writeBlock(offset: number, from: Uint8Array, width: Width): void;
  close(): void;
  [Symbol.dispose](): void;
}

/** A 64-bit counter that wakes who waits for it: eventfd(2), non-blocking. */
export interface Eventfd {
  /** The kernel's number, or null where the counter is an imitation. */
  readonly fd: number | null;
  /** Adds to the counter, 1 by default. */
  signal(count?: bigint): void;
  /** Takes the counter, leaving 0; 0n if nothing is pending. */
  read(): bigint;
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
  remove(slot: number): void;
  /** Calls `onFired(n)` once a wake. Starts unref'd. Exceptions in it are uncaught exceptions. */
  serve(onFired: (n: number) => void): void;
  /** Ends `serve`. */
  pause(): void;
  /** Sleeps until something fired; -1 waits for ever. @returns n, 0 after the time-out */
  wait(timeoutMs: number): number;
  /** Spins until something fired. @returns n, 0 after the time-out */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while served. */
  ref(): void;
  unref(): void;
  close(): void;
}

/** First and last usable IOVA, both inclusive. */
export interface IovaRange {
  readonly start: bigint;
  readonly end: bigint;
}

export type HugePages = boolean | '2M' | '1G';

/** What a device can reach by DMA. */
export interface AddressSpace {
  /** Bit n set: pages of 2^n bytes can be mapped. */
  readonly pageSizes: bigint;
  ranges(): IovaRange[];
  /**
   * Zeroed, page-aligned memory.
   * @param hugePages - true: 2 MiB aligned, transparent huge pages where the system gives them;
   *   '2M' and '1G': from the reserved pool, ENOMEM if it is empty
   */
  allocate(size: number, hugePages: HugePages): Memory;
  /** Memory behind a file descriptor (memfd, hugetlbfs file). */
  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory;
  /** A page-aligned SharedArrayBuffer of whole pages. @throws RangeError otherwise */
  fromShared(buffer: SharedArrayBuffer): Memory;
  /** @param flags - VFIO_DMA_MAP_FLAG_READ and _WRITE, from the device's side */
  map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): Promise<void>;
  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void;
  /** @returns bytes unmapped */
  unmap(iova: bigint, size: bigint, flags: number): bigint;
}

/** Memory of the process that can be mapped for a device. */
export interface Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly size: number;
  /**
   * Lets go of it. An ArrayBuffer made here is detached; the memory leaves the process when no
   * transferred copy and no mapping of the address space can see it any more.
   */
  release(): void;
}
