import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { VfioError } from '../errors.js';

/** An object of native/ that JavaScript only holds: a mapping, memory, an event set. */
declare const handle: unique symbol;
export interface Handle<Kind extends string> {
  readonly [handle]: Kind;
}

export interface NativeMemory {
  readonly handle: Handle<'memory'>;
  /** Address in this process. */
  readonly address: bigint;
  /** External: its finalizer is what unmaps the memory from the process. */
  readonly buffer: ArrayBuffer;
}

export interface NativeWindow {
  readonly handle: Handle<'window'>;
  /** The registers. */
  readonly buffer: ArrayBuffer;
  /**
   * An Int32, not 0 if the last access found the device's memory gone: it read as all-ones, or was
   * a write that vanishes. `buffer` must not be touched then: readBlock and writeBlock try to reach
   * the device again, and leave here how that went.
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
 * The typed face of the addon: one function a system call, arguments already checked by the
 * caller, failures thrown as {@link VfioError} with the name of the call. Names ending in
 * `Async` do the same on a thread of the pool. File descriptors made here are CLOEXEC and are
 * closed with the environment, newest first, if nobody closed them before.
 */
export interface Native {
  initialize(makeError: (errno: number, syscall: string, path?: string) => Error): void;

  // Files
  open(path: string, writable: boolean): number;
  /** F_DUPFD_CLOEXEC. */
  duplicate(fd: number): number;
  /**
   * Closes an fd made here. Idempotent: another number is left alone. While an `Async` call, an
   * event set or a window uses it the file stays open, so that its number is not given to another.
   */
  close(fd: number): void;
  pread(fd: number, offset: number, into: Uint8Array): number;
  pwrite(fd: number, offset: number, from: Uint8Array): number;
  /** One pread of `width` 1, 2 or 4 bytes; EIO if the transfer is short. */
  load(fd: number, offset: number, width: number): number;
  store(fd: number, offset: number, width: number, value: number): void;

  // Container and group
  containerGetApiVersion(fd: number): number;
  containerCheckExtension(fd: number, extension: number): number;
  containerSetIommu(fd: number, type: number): void;
  containerGetInfo(fd: number): {
    pageSizes: bigint;
    /** Pairs of first and last IOVA, flattened. */
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
  /** @param name - address, and ` vf_token=uuid` where one is needed */
  groupGetDeviceFd(fd: number, name: string): number;
  groupGetDeviceFdAsync(fd: number, name: string): Promise<number>;

  // iommufd and character device
  /** @param token - 16 bytes of the VF token, or null */
  deviceBindIommufd(fd: number, iommufd: number, token: Uint8Array | null): number;
  deviceBindIommufdAsync(fd: number, iommufd: number, token: Uint8Array | null): Promise<number>;
  /** @param pasid - null attaches the device itself */
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
  /** @param data - what follows the header; @param argsz - as sent, not computed */
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
  /** Devices flattened to id, segment, bus, devfn. */
  deviceGetPciHotResetInfo(fd: number): { flags: number; devices: number[] };
  devicePciHotReset(fd: number, groups: number[]): void;
  deviceIoeventfd(fd: number, flags: number, offset: bigint, data: bigint, eventfd: number): void;

  // Memory
  /** @param hugePageShift - 0 plain, -1 transparent huge pages, 21 or 30 from the pool */
  memoryAllocate(size: number, hugePageShift: number): NativeMemory;
  /**
   * MAP_SHARED. What is not writable the buffer shows by a private mapping: writes stay in the
   * process. ENXIO if the file ends before `offset + size`.
   */
  memoryMapFd(fd: number, offset: number, size: number, writable: boolean): NativeMemory;
  /** Address of a view's first byte; the caller keeps the view alive. */
  addressOf(view: Uint8Array): bigint;
  /** Drops the handle and detaches the buffer. Idempotent. */
  memoryRelease(handle: Handle<'memory'>, buffer: ArrayBuffer): void;

  // Mapped registers
  mapRegion(fd: number, offset: number, length: number, writable: boolean): NativeWindow;
  /** Detaches the buffer, then unmaps. Idempotent. */
  unmapRegion(handle: Handle<'window'>, buffer: ArrayBuffer): void;
  /** `into.length / width` accesses of `width` bytes. */
  readBlock(handle: Handle<'window'>, offset: number, into: Uint8Array, width: number): void;
  writeBlock(handle: Handle<'window'>, offset: number, from: Uint8Array, width: number): void;

  // Events
  eventfdCreate(): number;
  /** @param count - what is added; 1 if it is left out */
  eventfdSignal(fd: number, count?: bigint): void;
  /** Adds 1 to each of the first `count`, up to one that fails. @param fds - numbers, as s32 */
  eventfdSignalAll(fds: Uint8Array, count: number): void;
  eventfdRead(fd: number): bigint;
  eventSetCreate(fired: Uint32Array, counts: BigUint64Array): Handle<'eventSet'>;
  eventSetAdd(set: Handle<'eventSet'>, slot: number, eventfd: number, counted: boolean): void;
  eventSetRemove(set: Handle<'eventSet'>, slot: number): void;
  /** Unref'd, each time. */
  eventSetServe(set: Handle<'eventSet'>, onFired: (n: number) => void): void;
  eventSetPause(set: Handle<'eventSet'>): void;
  eventSetWait(set: Handle<'eventSet'>, timeoutMs: number): number;
  eventSetSpin(set: Handle<'eventSet'>, timeoutUs: number): number;
  eventSetRef(set: Handle<'eventSet'>): void;
  eventSetUnref(set: Handle<'eventSet'>): void;
  eventSetClose(set: Handle<'eventSet'>): void;

  // CPUs
  /**
   * Runs this thread on that CPU for a moment: interrupts that had reached the CPU before are
   * handled when it returns. EINVAL for a CPU that is offline or not allowed.
   */
  visitCpu(cpu: number): void;
}

let loaded: Native | undefined;

/**
 * Loads the addon on first use, so that what needs no kernel runs where nothing was compiled.
 * @throws {@link VfioError} ENOENT, naming what to run, if it is not built or does not load
 */
export function native(): Native {
  return (loaded ??= load());
}

/** `bindings` lists what it tried, the loader of the system says what is missing. */
function whyNot(cause: unknown): string {
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
      // What was built here, else what came with the package.
      try: [
        ['module_root', 'build', 'Release', 'bindings'],
        ['module_root', 'prebuilds', `${process.platform}-${process.arch}`, 'bindings'],
      ],
    }) as Native;
  } catch (cause) {
    throw new VfioError({
      code: 'ENOENT',
      message: whyNot(cause),
      hint: "Install python3, make and g++, then 'npm rebuild vfio'. 'vfio/mock' and the mock: devices work without it.",
      cause,
    });
  }
  addon.initialize((errno, syscall, path) => new VfioError({ errno, syscall, path }));
  // What Node-API fills is a hash table to V8; a copy has a shape, which each call is faster by.
  return { ...addon };
}
