import { constants } from 'node:os';
import { VfioError } from '../../../lib/errors.js';
import type { Handle, Native, NativeMemory } from '../../../lib/native/binding.js';

type Answers = { -readonly [Name in keyof Native]?: Native[Name] };
type Code = keyof typeof constants.errno;

/** Calls that release a resource. These calls are not counted in {@link FakeNative.steps}. */
const RELEASES = ['close', 'iommufdDestroy', 'deviceDetachPt', 'groupUnsetContainer'];

/**
 * A fake kernel with file descriptors, groups and iommufd objects. The fake records every call, and
 * a test can make any call fail.
 */
export class FakeNative {
  /** Name and arguments of each call, for example `'open /dev/vfio/12 true'`. */
  readonly calls: string[] = [];
  /** Open file descriptors, each with a description. */
  readonly fds = new Map<number, string>();
  /** Ids of the existing iommufd objects. */
  readonly objects = new Set<number>();
  /** Addresses of the memory that was released. */
  readonly freed: bigint[] = [];
  readonly native: Native;
  /** For each native call, the function that returns the result. A test can replace a function. */
  readonly answers: Answers;
  /**
   * Number of calls so far, not counting calls that release a resource. Call number `failAt` fails
   * with EIO.
   */
  steps = 0;
  failAt = -1;
  #failures = new Map<string, Code>();
  #next = 100;

  constructor() {
    this.answers = this.#defaults();
    this.native = new Proxy({} as Native, {
      get: (_, name) => (typeof name === 'string' ? this.#entry(name as keyof Native) : undefined),
    });
  }

  /**
   * Makes a function and its asynchronous variant fail with `code`. If `code` is null, both
   * functions succeed again.
   */
  fail(name: keyof Native, code: Code | null): void {
    if (code === null) this.#failures.delete(name);
    else this.#failures.set(name, code);
  }

  /** Returns the names of the recorded calls and removes the calls from the record. */
  drainCalls(): string[] {
    return this.calls.splice(0).map((call) => call.split(' ')[0] ?? '');
  }

  #entry(name: keyof Native): unknown {
    const sync = name.replace(/Async$/, '') as keyof Native;
    const run = (...parameters: unknown[]): unknown => {
      this.calls.push([name, ...parameters.map(String)].join(' '));
      const code = this.#failure(sync);
      if (code !== undefined) {
        throw new VfioError({ errno: constants.errno[code], syscall: sync });
      }
      const answer = this.answers[sync] as ((...given: unknown[]) => unknown) | undefined;
      return answer?.(...parameters);
    };
    if (sync === name) return run;
    return async (...parameters: unknown[]) => {
      await Promise.resolve();
      return run(...parameters);
    };
  }

  #failure(name: keyof Native): Code | undefined {
    if (!RELEASES.includes(name) && this.steps++ === this.failAt) return 'EIO';
    return this.#failures.get(name);
  }

  #fd(what: string): number {
    this.fds.set(this.#next, what);
    return this.#next++;
  }

  #object(): number {
    this.objects.add(this.#next);
    return this.#next++;
  }

  #memory(size: number): NativeMemory {
    const address = BigInt(this.#next++) << 32n;
    const handle = { address } as unknown as Handle<'memory'>;
    return { handle, address, buffer: new ArrayBuffer(size) };
  }

  #defaults(): Answers {
    const containers = new Set<number>();
    const joined = new Set<number>();
    const refuse = (code: Code, syscall: string): never => {
      throw new VfioError({ code, syscall });
    };
    return {
      open: (path) => {
        const group = /vfio\/\d+$/.test(path);
        if (group && [...this.fds.values()].includes(path)) refuse('EBUSY', 'open');
        return this.#fd(path);
      },
      duplicate: (fd) => this.#fd(`duplicate of ${fd}`),
      close: (fd) => {
        this.fds.delete(fd);
      },
      containerGetApiVersion: () => 0,
      containerCheckExtension: () => 1,
      containerSetIommu: (fd) => {
        if (containers.has(fd)) refuse('EINVAL', 'VFIO_SET_IOMMU');
        containers.add(fd);
      },
      containerGetInfo: () => ({
        pageSizes: 0xffff_ffff_ffff_f000n,
        ranges: [0n, 0xfedf_ffffn, 0xfef0_0000n, 0x7f_ffff_ffffn],
        dmaAvailable: 65535,
      }),
      containerUnmapDma: (_fd, _flags, _iova, size) => size,
      groupGetStatus: (fd) => (joined.has(fd) ? 3 : 1),
      groupSetContainer: (fd) => {
        joined.add(fd);
      },
      groupGetDeviceFd: (_fd, name) => this.#fd(`device ${name}`),
      // The kernel destroys a device's id when the device is unbound, so `objects` never contains
      // the id.
      deviceBindIommufd: () => this.#next++,
      deviceAttachPt: (_fd, pt) => pt,
      iommufdIoasAlloc: () => this.#object(),
      iommufdHwptAlloc: () => this.#object(),
      iommufdDestroy: (_fd, id) => {
        if (!this.objects.delete(id)) refuse('ENOENT', 'IOMMU_DESTROY');
      },
      iommufdIoasIovaRanges: () => ({ ranges: [0n, 0xfedf_ffffn], alignment: 4096n }),
      iommufdIoasUnmap: (_fd, _ioas, _iova, size) => size,
      deviceGetInfo: () => ({ flags: 3, numRegions: 9, numIrqs: 5 }),
      deviceGetRegionInfo: (_fd, index) => ({
        flags: index === 7 ? 3 : 7,
        size: index === 7 ? 4096n : 0x4000n,
        offset: BigInt(index) << 40n,
        capabilities: [],
      }),
      deviceGetIrqInfo: (_fd, index) => ({ flags: 9, count: index }),
      deviceSetIrqs: () => 0,
      deviceFeature: () => 0,
      deviceGetPciHotResetInfo: () => ({
        flags: 0,
        devices: [14, 0, 3, 0, 14, 0, 3, 1],
      }),
      memoryAllocate: (size) => this.#memory(size),
      memoryMapFd: (_fd, _offset, size) => this.#memory(size),
      memoryRelease: (handle) => {
        this.freed.push((handle as unknown as { address: bigint }).address);
      },
      addressOf: () => 0x7000_0000n,
      mapRegion: (_fd, _offset, length) => ({
        handle: {} as Handle<'window'>,
        buffer: new ArrayBuffer(length),
        lost: new ArrayBuffer(4),
      }),
      unmapRegion: (_handle, buffer) => {
        structuredClone(buffer, { transfer: [buffer] });
      },
      eventfdCreate: () => this.#fd('eventfd'),
      eventfdRead: () => 0n,
      eventSetCreate: () => ({}) as Handle<'eventSet'>,
      eventSetWait: () => 0,
      eventSetSpin: () => 0,
    };
  }
}
