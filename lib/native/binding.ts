import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { VfioError } from '../errors.js';

/** An opaque reference to an object of native/: a mapping, memory, an event set. */
declare const handle: unique symbol;
export interface Handle<Kind extends string> {
  readonly [handle]: Kind;
}

export interface NativeMemory {
  readonly handle: Handle<'memory'>;
  /** Address in this process. */
  readonly address: bigint;
  /** An external ArrayBuffer; its finalizer unmaps the memory from the process. */
  readonly buffer: ArrayBuffer;
}

export interface NativeWindow {
  readonly handle: Handle<'window'>;
  /** The registers. */
  readonly buffer: ArrayBuffer;
  /**
   * An Int32, set by native code: not 0 if the device did not respond to the last access, so that
   * a read returned all ones or a write was dropped. While set, `buffer` must not be accessed.
   * readBlock and writeBlock access the device again and update this value.
   */
  readonly lost: ArrayBuffer;
}

export interface NativeRegionCapability {
  readonly id: number;
  readonly version: number;
  readonly areas?: { offset: bigint; size: bigint }[];
  readonly type?: number;
  readonly subtype?: number;
}

/**
 * The functions of the addon, one per system call. The caller checks the arguments. A failure
 * throws {@link VfioError} with the name of the call. A name that ends in `Async` makes the call on
 * a thread of the pool. File descriptors opened here are CLOEXEC; those still open when the
 * environment ends are closed then, newest first.
 */
export interface Native {
  initialize(makeError: (errno: number, syscall: string, path?: string) => Error): void;

  // Files
  open(path: string, writable: boolean): number;
  /** Duplicates a file descriptor (F_DUPFD_CLOEXEC). */
  duplicate(fd: number): number;
  /**
   * Closes a file descriptor opened here; any other number is ignored, so closing twice is safe.
   * While an `Async` call, an event set or a window uses the file, it stays open and its number is
   * not reused.
   */
  close(fd: number): void;
  pread(fd: number, offset: number, into: Uint8Array): number;
  pwrite(fd: number, offset: number, from: Uint8Array): number;
  /** Reads 1, 2 or 4 bytes by one pread; EIO if the transfer is short. */
  load(fd: number, offset: number, width: number): number;
  store(fd: number, offset: number, width: number, value: number): void;

  // Container and group
  containerGetApiVersion(fd: number): number;
  containerCheckExtension(fd: number, extension: number): number;
  containerSetIommu(fd: number, type: number): void;
  containerGetInfo(fd: number): {
    pageSizes: bigint;
    /** First and last IOVA of each range, flattened. */
    ranges: bigint[];
    dmaAvailable: number | null;
  };
  containerMapDma(fd: number, flags: number, address: bigint, iova: bigint, size: bigint): void;
  containerMapDmaAsync(
    fd: number,
    flags: number,
    address: bigint,
    iova: bigint,
    size: bigint,
  ): Promise<void>;
  containerUnmapDma(fd: number, flags: number, iova: bigint, size: bigint): bigint;
  groupGetStatus(fd: number): number;
  groupSetContainer(fd: number, container: number): void;
  groupUnsetContainer(fd: number): void;
  /** @param name - the address, followed by ` vf_token=uuid` for a function with a VF token */
  groupGetDeviceFd(fd: number, name: string): number;
  groupGetDeviceFdAsync(fd: number, name: string): Promise<number>;

  // iommufd and character device
  /** @param token - 16 bytes of the VF token, or null */
  deviceBindIommufd(fd: number, iommufd: number, token: Uint8Array | null): number;
  deviceBindIommufdAsync(fd: number, iommufd: number, token: Uint8Array | null): Promise<number>;
  /** @param pasid - null attaches the device without a PASID */
  deviceAttachPt(fd: number, pt: number, pasid: number | null): number;
  deviceDetachPt(fd: number, pasid: number | null): void;
  iommufdDestroy(fd: number, id: number): void;
  iommufdIoasAlloc(fd: number): number;
  iommufdIoasIovaRanges(fd: number, ioas: number): { ranges: bigint[]; alignment: bigint };
  iommufdIoasMap(
    fd: number,
    ioas: number,
    flags: number,
    address: bigint,
    iova: bigint,
    size: bigint,
  ): void;
  iommufdIoasMapAsync(
    fd: number,
    ioas: number,
    flags: number,
    address: bigint,
    iova: bigint,
    size: bigint,
  ): Promise<void>;
  iommufdIoasUnmap(fd: number, ioas: number, iova: bigint, size: bigint): bigint;
  iommufdHwptAlloc(fd: number, flags: number, deviceId: number, pt: number): number;

  // Device
  deviceGetInfo(fd: number): { flags: number; numRegions: number; numIrqs: number };
  deviceGetRegionInfo(
    fd: number,
    index: number,
  ): { flags: number; size: bigint; offset: bigint; capabilities: NativeRegionCapability[] };
  deviceGetIrqInfo(fd: number, index: number): { flags: number; count: number };
  /**
   * @param argsz - sent as given, not computed
   * @param data - the bytes after the header
   */
  deviceSetIrqs(
    fd: number,
    argsz: number,
    flags: number,
    index: number,
    start: number,
    count: number,
    data: Uint8Array,
  ): number;
  deviceFeature(fd: number, flags: number, data: Uint8Array): number;
  deviceReset(fd: number): void;
  deviceResetAsync(fd: number): Promise<void>;
  /** Returns the id, segment, bus and devfn of each device, flattened. */
  deviceGetPciHotResetInfo(fd: number): { flags: number; devices: number[] };
  devicePciHotReset(fd: number, groups: number[]): void;
  deviceIoeventfd(fd: number, flags: number, offset: bigint, data: bigint, eventfd: number): void;

  // Memory
  /** @param hugePageShift - 0: normal pages; -1: transparent huge pages; 21 or 30: from the pool */
  memoryAllocate(size: number, hugePageShift: number): NativeMemory;
  /**
   * Maps a file with MAP_SHARED. If `writable` is false, the buffer shows a second, private mapping:
   * writes stay in the process. ENXIO if the file ends before `offset + size`.
   */
  memoryMapFd(fd: number, offset: number, size: number, writable: boolean): NativeMemory;
  /** Returns the address of a view's first byte; the caller keeps the view referenced. */
  addressOf(view: Uint8Array): bigint;
  /** Releases the handle and detaches the buffer. Idempotent. */
  memoryRelease(handle: Handle<'memory'>, buffer: ArrayBuffer): void;

  // Mapped registers
  mapRegion(fd: number, offset: number, length: number, writable: boolean): NativeWindow;
  /** Detaches the buffer, then unmaps. Idempotent. */
  unmapRegion(handle: Handle<'window'>, buffer: ArrayBuffer): void;
  /** Makes `into.length / width` accesses of `width` bytes. */
  readBlock(handle: Handle<'window'>, offset: number, into: Uint8Array, width: number): void;
  writeBlock(handle: Handle<'window'>, offset: number, from: Uint8Array, width: number): void;

  // Events
  eventfdCreate(): number;
  /** @param count - the value to add; default 1 */
  eventfdSignal(fd: number, count?: bigint): void;
  /**
   * Adds 1 to each of the first `count` eventfds, and stops at the first failure.
   *
   * @param fds - file descriptors as s32
   */
  eventfdSignalAll(fds: Uint8Array, count: number): void;
  eventfdRead(fd: number): bigint;
  eventSetCreate(fired: Uint32Array, counts: BigUint64Array): Handle<'eventSet'>;
  eventSetAdd(set: Handle<'eventSet'>, slot: number, eventfd: number, counted: boolean): void;
  eventSetRemove(set: Handle<'eventSet'>, slot: number): void;
  /** Starts to deliver; each start leaves the event loop unref'd. */
  eventSetServe(set: Handle<'eventSet'>, onFired: (n: number) => void): void;
  eventSetPause(set: Handle<'eventSet'>): void;
  eventSetWait(set: Handle<'eventSet'>, timeoutMs: number): number;
  eventSetSpin(set: Handle<'eventSet'>, timeoutUs: number): number;
  eventSetRef(set: Handle<'eventSet'>): void;
  eventSetUnref(set: Handle<'eventSet'>): void;
  eventSetClose(set: Handle<'eventSet'>): void;

  // CPUs
  /**
   * Moves this thread to that CPU and back. When the call returns, the CPU has handled the
   * interrupts that had reached it before. EINVAL for a CPU that is offline or not allowed.
   */
  visitCpu(cpu: number): void;
}

let loaded: Native | undefined;

/**
 * Loads the addon on first use, so that mock devices work without a compiled addon.
 *
 * @throws {@link VfioError} ENOENT with a hint if the addon is not built or does not load
 */
export function native(): Native {
  return (loaded ??= load());
}

/**
 * Describes a failed load: `bindings` lists the paths it tried, dlopen names the missing symbol.
 */
function describeFailure(cause: unknown): string {
  if (cause instanceof Error && !('tries' in cause)) {
    return `the native addon does not load: ${cause.message.split('\n', 1).join('')}`;
  }
  return 'the native addon is not built';
}

function load(): Native {
  let addon: Native;
  try {
    addon = bindings({
      bindings: 'vfio',
      module_root: fileURLToPath(new URL('../../..', import.meta.url)),
      // An addon built here comes before the one shipped with the package.
      try: [
        ['module_root', 'build', 'Release', 'bindings'],
        ['module_root', 'prebuilds', `${process.platform}-${process.arch}`, 'bindings'],
      ],
    }) as Native;
  } catch (cause) {
    throw new VfioError({
      code: 'ENOENT',
      message: describeFailure(cause),
      hint: "Install python3, make and g++, then run 'npm rebuild vfio'. Mock devices ('vfio/mock', mock:nvme) work without the addon.",
      cause,
    });
  }
  addon.initialize((errno, syscall, path) => new VfioError({ errno, syscall, path }));
  // V8 stores the exports object, filled by Node-API, as a hash table. A copy has a hidden class,
  // which makes each call faster.
  return { ...addon };
}
