import { useTakeChanges } from '../changes.js';
import { VfioError } from '../errors.js';
import { loadAddon } from './addon.js';

/** An opaque reference to a window, to memory or to an event set of the native code. */
declare const handle: unique symbol;
export interface Handle<Kind extends string> {
  readonly [handle]: Kind;
}

export interface NativeMemory {
  readonly handle: Handle<'memory'>;
  /** Address in this process. */
  readonly address: bigint;
  /**
   * An external ArrayBuffer. The finalizer of the ArrayBuffer unmaps the memory from the process.
   */
  readonly buffer: ArrayBuffer;
}

export interface NativeWindow {
  readonly handle: Handle<'window'>;
  /** The registers. */
  readonly buffer: ArrayBuffer;
  /**
   * An Int32 that native code sets. If the value is not 0, the device did not respond to the last
   * access: a read returned all ones, or a write was dropped. While the value is not 0, `buffer`
   * must not be accessed. `readBlock` and `writeBlock` access the device again and update the
   * value.
   */
  readonly lost: ArrayBuffer;
}

/** The kind of a file. */
export type FileKind = 'memory' | 'huge' | 'device' | 'regular' | 'other';

/** Memory that another process shares. */
export interface NativeSharedMemory {
  readonly handle: Handle<'sharedMemory'>;
  /** Address in this process. */
  readonly address: bigint;
  /** Whether the descriptor allows writes. */
  readonly writable: boolean;
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
 * throws {@link VfioError} with the name of the call. A function whose name ends in `Async` makes
 * the call on a thread of the pool. All file descriptors that the addon opens are CLOEXEC. When the
 * environment ends, the addon closes all file descriptors that are still open, newest first.
 */
export interface Native {
  initialize(makeError: (errno: number, syscall: string, path?: string) => Error): void;

  // Files
  open(path: string, writable: boolean): number;
  /** Duplicates a file descriptor (F_DUPFD_CLOEXEC). */
  duplicate(fd: number): number;
  /**
   * Returns the kind of a file: `huge` for a file on hugetlbfs, `memory` for another file in memory
   * (tmpfs, memfd), `device` for a character device or a device file of VFIO, `regular` for another
   * regular file. The call never waits for the file system of the file, for example FUSE.
   */
  fileKind(fd: number): FileKind;
  /**
   * Closes a file descriptor that the addon opened. If the addon did not open the descriptor, the
   * call is ignored, so a second close is safe. While an `Async` call, an event set or a window
   * uses the file, the file stays open and its number is not reused.
   */
  close(fd: number): void;
  pread(fd: number, offset: number, into: Uint8Array): number;
  pwrite(fd: number, offset: number, from: Uint8Array): number;
  /** Reads 1, 2 or 4 bytes with one pread(). Fails with EIO if the transfer is short. */
  load(fd: number, offset: number, width: number): number;
  store(fd: number, offset: number, width: number, value: number): void;

  // Container and group
  containerGetApiVersion(fd: number): number;
  containerCheckExtension(fd: number, extension: number): number;
  containerSetIommu(fd: number, type: number): void;
  containerGetInfo(fd: number): {
    pageSizes: bigint;
    /** First and last IOVA of each range, in one flat list. */
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
  /** @param pasid - the PASID to attach, or null to attach the device itself */
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
  /** @param start - the offset in the file, in bytes */
  iommufdIoasMapFile(
    fd: number,
    ioas: number,
    flags: number,
    file: number,
    start: bigint,
    iova: bigint,
    size: bigint,
  ): void;
  iommufdIoasMapFileAsync(
    fd: number,
    ioas: number,
    flags: number,
    file: number,
    start: bigint,
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
   * @param argsz - the value that is sent in the `argsz` member
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
  /** Returns 0, or for DMA_BUF a new file descriptor that the caller must close by `closeSync()`. */
  deviceFeature(fd: number, flags: number, data: Uint8Array): number;
  deviceReset(fd: number): void;
  deviceResetAsync(fd: number): Promise<void>;
  /** Returns the id, segment, bus and devfn of each device, in one flat list. */
  deviceGetPciHotResetInfo(fd: number): { flags: number; devices: number[] };
  devicePciHotReset(fd: number, groups: number[]): void;
  deviceIoeventfd(fd: number, flags: number, offset: bigint, data: bigint, eventfd: number): void;

  // Memory
  /**
   * @param hugePageShift - 0: normal pages; -1: transparent huge pages; 21 or 30: huge pages from
   *   the reserved pool
   */
  memoryAllocate(size: number, hugePageShift: number): NativeMemory;
  /**
   * Maps a file with MAP_SHARED. If `writable` is false, the buffer shows a second, private
   * mapping, and writes stay in the process. Fails with ENXIO if the file ends before `offset +
   * size`.
   */
  memoryMapFd(fd: number, offset: number, size: number, writable: boolean): NativeMemory;
  /** Returns the address of a view's first byte. The caller must keep a reference to the view. */
  addressOf(view: Uint8Array): bigint;
  /** Releases the handle and detaches the buffer. Idempotent. */
  memoryRelease(handle: Handle<'memory'>, buffer: ArrayBuffer): void;

  /**
   * Finds the aligned words of 4 bytes that differ from `seen`, and copies the words to `seen`. If
   * `runs` is full, the function stops, and the next call finds further words.
   *
   * @param memory - memory that a device can write at the same time
   * @param runs - receives pairs of u32 numbers: the first changed word of a run, and the word after
   *   the run
   * @returns the number of runs
   */
  takeChanges(memory: Uint8Array, seen: Uint8Array, runs: Uint8Array): number;

  // Memory that this process shares with another process
  /**
   * Creates an empty memfd. The other process cannot shrink the file.
   * @param hugePageShift - 0: normal pages; 21 or 30: huge pages from the reserved pool
   */
  memoryFileCreate(hugePageShift: number): number;
  /** Maps the file up to its largest size. The mapping ends after the last ArrayBuffer of a piece. */
  memoryFileMap(fd: number, capacity: number, hugePageShift: number): Handle<'memoryFile'>;
  /**
   * Allocates a piece of the file, filled with zeros.
   * @throws {@link VfioError} ENOMEM if the system or the pool of huge pages has no memory left
   */
  memoryFileAllocate(
    file: Handle<'memoryFile'>,
    fd: number,
    offset: number,
    size: number,
  ): ArrayBuffer;
  /**
   * Detaches the buffer and frees the piece.
   * @param fd - the file, or -1 if the file is closed. The piece is then freed with the mapping.
   * @returns false if the ArrayBuffer was transferred. The piece then stays allocated.
   */
  memoryFileFree(
    file: Handle<'memoryFile'>,
    fd: number,
    offset: number,
    size: number,
    buffer: ArrayBuffer,
  ): boolean;

  // Mapped registers
  mapRegion(fd: number, offset: number, length: number, writable: boolean): NativeWindow;
  /** Detaches the buffer, then unmaps the registers. Idempotent. */
  unmapRegion(handle: Handle<'window'>, buffer: ArrayBuffer): void;
  /** Makes `into.length / width` accesses of `width` bytes each. */
  readBlock(handle: Handle<'window'>, offset: number, into: Uint8Array, width: number): void;
  writeBlock(handle: Handle<'window'>, offset: number, from: Uint8Array, width: number): void;

  // Events
  eventfdCreate(): number;
  /** @param count - the value to add to the counter; default 1 */
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
  /** Watches an eventfd that another event set delivers. The counter of the eventfd is never read. */
  eventSetObserve(set: Handle<'eventSet'>, slot: number, eventfd: number): void;
  eventSetRemove(set: Handle<'eventSet'>, slot: number): void;
  /**
   * Starts to deliver events. After this call, the event set does not keep the event loop alive
   * until eventSetRef() is called.
   */
  eventSetServe(set: Handle<'eventSet'>, onFired: (n: number) => void): void;
  eventSetPause(set: Handle<'eventSet'>): void;
  eventSetWait(set: Handle<'eventSet'>, timeoutMs: number): number;
  eventSetSpin(set: Handle<'eventSet'>, timeoutUs: number): number;
  eventSetRef(set: Handle<'eventSet'>): void;
  eventSetUnref(set: Handle<'eventSet'>): void;
  eventSetClose(set: Handle<'eventSet'>): void;

  // Event loop
  /**
   * Watches a file. The watch starts stopped. While a started watch is open, the event loop stays
   * alive, unless {@link watchUnref} was called. The watch is level triggered: while the file stays ready, each turn of the event loop
   * calls `onReady`.
   */
  watchOpen(fd: number, onReady: () => void): Handle<'watch'>;
  /** Starts the watch, or changes its events. @param events - 1: readable, 2: writable, 3: both */
  watchStart(watch: Handle<'watch'>, events: number): void;
  watchStop(watch: Handle<'watch'>): void;
  /** Lets the event loop end while the watch is started. */
  watchUnref(watch: Handle<'watch'>): void;
  /** Idempotent. */
  watchClose(watch: Handle<'watch'>): void;

  // Unix sockets
  /** Creates a socket file with mode 0600 and listens. Fails with EADDRINUSE if the file exists. */
  socketListen(path: string): number;
  /**
   * Connects, and waits until the listener has room for the connection.
   * @param timeoutMs - the time limit in ms; default: no limit
   * @throws {@link VfioError} EAGAIN after the timeout
   */
  socketConnect(path: string, timeoutMs?: number): number;
  /** Returns a connected socket, or null if no connection is waiting. */
  socketAccept(fd: number): number | null;
  /** Returns the process at the other end when the connection was made (SO_PEERCRED). */
  socketPeer(fd: number): { pid: number; uid: number };
  /**
   * Uses a connected socket for vfio-user messages. Only {@link streamWait} blocks.
   * @param buffer - receives the messages. The largest message is 16 bytes smaller than the buffer.
   */
  streamOpen(fd: number, buffer: ArrayBuffer): Handle<'stream'>;
  /**
   * Receives messages. The messages overwrite the messages of the previous call.
   *
   * @returns the size in bytes of all received messages, 0 if no whole message has arrived, or -1 at
   *   the end of the stream
   * @throws {@link VfioError} EBADMSG or EMSGSIZE if the peer breaks the rules of the protocol
   */
  streamReceive(stream: Handle<'stream'>): number;
  /**
   * Blocks the thread until the socket is ready.
   *
   * @param events - 1: readable, 2: writable, 3: both
   * @returns the events for which the socket is ready. At the end of the stream, the socket is
   *   ready for all events. The result is 0 after the timeout, or if a signal arrived.
   */
  streamWait(stream: Handle<'stream'>, events: number, timeoutMs: number): number;
  /**
   * Returns the descriptors of the last message that {@link streamReceive} received. The caller
   * closes the descriptors.
   */
  streamTakeFds(stream: Handle<'stream'>): number[];
  /**
   * Sends the first `length` bytes. If the socket does not accept all bytes, the stream queues the
   * rest.
   *
   * @param fds - descriptors that belong to the first byte
   * @returns whether the queue is empty
   */
  streamSend(
    stream: Handle<'stream'>,
    bytes: Uint8Array,
    length: number,
    fds?: readonly number[],
  ): boolean;
  /** Sends queued bytes. @returns whether the queue is empty */
  streamFlush(stream: Handle<'stream'>): boolean;
  /**
   * Shuts down the direction from the peer by shutdown(2). The next send of the peer fails with EPIPE.
   * {@link streamReceive} still returns the messages that have arrived.
   */
  streamShutDownReceive(stream: Handle<'stream'>): void;
  /** Closes the socket and all descriptors that the caller has not taken. Idempotent. */
  streamClose(stream: Handle<'stream'>): void;

  // Memory of another process
  /**
   * Maps the first `size` bytes of a file on tmpfs or hugetlbfs. A memfd is such a file.
   * @throws {@link VfioError} ENOTSUP for a file on another file system
   */
  sharedMemoryMap(fd: number, size: number): NativeSharedMemory;
  /** Copies bytes. @returns false if the file has ended before the range */
  sharedMemoryRead(handle: Handle<'sharedMemory'>, offset: number, into: Uint8Array): boolean;
  sharedMemoryWrite(handle: Handle<'sharedMemory'>, offset: number, from: Uint8Array): boolean;
  /** Idempotent. */
  sharedMemoryUnmap(handle: Handle<'sharedMemory'>): void;

  // CPUs
  /**
   * Moves this thread to the CPU and back. When the call returns, the CPU has handled all
   * interrupts that reached the CPU before the call. Fails with EINVAL if the CPU is offline or the
   * process is not allowed to use the CPU.
   */
  visitCpu(cpu: number): void;
}

let loaded: Native | undefined;

/**
 * Loads the addon on first use, so that mock devices work without an addon.
 *
 * @throws {@link VfioError} ENOTSUP if the program does not run on Node.js and Linux
 * @throws {@link VfioError} ENOENT with a hint if no addon is found or the addon does not load
 * @throws {@link VfioError} EACCES if options of Node.js refuse addons
 */
export function native(): Native {
  return (loaded ??= initialize(loadAddon() as Native));
}

function initialize(addon: Native): Native {
  addon.initialize((errno, syscall, path) => new VfioError({ errno, syscall, path }));
  useTakeChanges((memory, seen, runs) => addon.takeChanges(memory, seen, runs));
  // Node-API fills the exports object, and V8 stores the object as a hash table. A copy of the
  // object has a hidden class, so each call is faster.
  return { ...addon };
}
