import { VfioError } from '../../errors.js';
import {
  VFIO_DMA_MAP_FLAG_VADDR,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_DMA_UNMAP_FLAG_VADDR,
} from '../../contract/uapi.js';
import type {
  AddressSpace,
  DmaMemory,
  ExternalMemory,
  HugePages,
  IovaRange,
  Memory,
} from '../../contract/index.js';
import {
  explainFileMapping,
  IOMMU_IOAS_MAP_FILE,
  NO_FILE_MAPPINGS,
} from '../../contract/file-mappings.js';
import { type Interval, Intervals } from '../../contract/intervals.js';
import { Lifetime } from '../../contract/lifetime.js';
import { checkU32, checkU64 } from '../../checks.js';
import { checkImportArguments, checkMapArguments } from '../../contract/call-arguments.js';
import { callWithPath, describeError } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import { allocate, mapFd, PinnedMemory, share } from './memory.js';
import type { RefCounted } from './ownership.js';

/** The calls that map memory. Numbers and flags have the values of linux/vfio.h. */
export interface MapCalls {
  map(flags: number, address: bigint, iova: bigint, size: bigint): void;
  mapAsync(flags: number, address: bigint, iova: bigint, size: bigint): Promise<void>;
}

/** The DMA calls of one kernel interface. Numbers and flags have the values of linux/vfio.h. */
export interface DmaCalls extends MapCalls {
  /** Path of the interface's device node, for error messages. */
  readonly path: string;
  pageSizes(): bigint;
  /** Returns the first and last IOVA of each range, in one flat list. */
  ranges(): readonly bigint[];
  unmap(flags: number, iova: bigint, size: bigint): bigint;
  /**
   * Returns the calls that map a file: the address is then the offset in the file. Null if the
   * interface maps only memory of the process.
   */
  readonly file: ((fd: number) => MapCalls) | null;
  /**
   * Destroys the address space together with its mappings. Undefined if the owner of the address
   * space destroys the address space.
   */
  readonly destroy?: () => void;
}

interface Mapping extends Interval {
  readonly memory: PinnedMemory;
}

/**
 * An I/O address space that the kernel manages. The table of mappings references all mapped memory,
 * so mapped memory is not freed. If an unmap operation fails halfway, the table keeps the
 * references for the whole range until `close()`.
 */
export class KernelAddressSpace implements AddressSpace {
  readonly #kernel: Kernel;
  readonly #calls: DmaCalls;
  readonly #owner: RefCounted;
  readonly #mappings = new Intervals<Mapping>();
  readonly #lifetime: Lifetime;
  #mapped = 0n;
  #closeHint: string | undefined;

  /** @param owner - owns the file descriptors that the calls use */
  constructor(kernel: Kernel, calls: DmaCalls, owner: RefCounted) {
    this.#kernel = kernel;
    this.#calls = calls;
    this.#owner = owner;
    this.#lifetime = new Lifetime('the address space is closed', calls.path);
  }

  get pageSizes(): bigint {
    return this.#call((calls) => calls.pageSizes());
  }

  ranges(): IovaRange[] {
    const flat = this.#call((calls) => calls.ranges());
    return flat.flatMap((start, i) => {
      const end = flat[i + 1];
      return i % 2 === 0 && end !== undefined ? { start, end } : [];
    });
  }

  allocate(size: number, hugePages: HugePages): Memory {
    this.#lifetime.check();
    this.#kernel.areas.check();
    return allocate(this.#kernel.native, size, hugePages);
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    this.#lifetime.check();
    this.#kernel.areas.check();
    return mapFd(this.#kernel.native, fd, offset, size, writable);
  }

  importFile(fd: number, offset: number, size: number): DmaMemory {
    checkImportArguments(fd, offset, size);
    this.#lifetime.check();
    this.#callsOfFile(fd);
    const { native } = this.#kernel;
    const own = callWithPath(`fd ${fd}`, () => native.duplicate(fd));
    const close = () => {
      native.close(own);
    };
    return new PinnedMemory(size, BigInt(offset), close, own);
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    this.#lifetime.check();
    return share(this.#kernel.native, buffer);
  }

  fromExternal(memory: ExternalMemory): DmaMemory {
    this.#lifetime.check();
    return new PinnedMemory(memory.size, memory.address, () => {
      memory.unmap();
    });
  }

  async map(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number) {
    const { pinned, address, calls } = this.#pin(memory, offset, size, iova, flags);
    // If the device is closed during the call, the reference keeps the file descriptor open.
    this.#owner.retain();
    try {
      await calls.mapAsync(flags, address, iova, size);
      this.#record(pinned, iova, size, flags);
    } catch (error) {
      pinned.unpin();
      throw this.#describeMapError(error, iova, size);
    } finally {
      this.#owner.release();
    }
  }

  mapSync(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number): void {
    const { pinned, address, calls } = this.#pin(memory, offset, size, iova, flags);
    try {
      calls.map(flags, address, iova, size);
    } catch (error) {
      pinned.unpin();
      throw this.#describeMapError(error, iova, size);
    }
    this.#record(pinned, iova, size, flags);
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    checkU64(iova, 'iova');
    checkU64(size, 'size');
    checkU32(flags, 'flags');
    const unmapped = this.#call((calls) => calls.unmap(flags, iova, size));
    // The flag only invalidates the process addresses of mappings. The device still reaches the
    // memory.
    if ((flags & VFIO_DMA_UNMAP_FLAG_VADDR) !== 0) return unmapped;
    if ((flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0) this.#removeAll();
    else this.#removeWithin(iova, size);
    return unmapped;
  }

  /**
   * Sets the hint for errors of calls after {@link close}. The last device that closes sets the
   * hint.
   */
  setCloseHint(hint: string | undefined): void {
    this.#closeHint = hint;
  }

  /**
   * Removes all mappings and releases the memory. The mappings are removed explicitly, because a
   * container can outlive this object. Idempotent.
   */
  close(): void {
    if (!this.#lifetime.isOpen) return;
    if (this.#calls.destroy === undefined) this.#unmapAll();
    else this.#call(({ destroy }) => destroy?.());
    this.#lifetime.end(this.#closeHint);
    this.#removeAll();
  }

  #unmapAll(): void {
    for (const { iova, size } of this.#mappings.all()) {
      try {
        this.#calls.unmap(0, iova, size);
      } catch {
        // The container is closed next, which unmaps the rest.
      }
    }
  }

  /** Checks that the address space is open. @throws VfioError EBADF */
  checkOpen(): void {
    this.#lifetime.check();
  }

  #call<T>(run: (calls: DmaCalls) => T): T {
    this.#lifetime.check();
    try {
      return run(this.#calls);
    } catch (error) {
      throw describeError(error, this.#calls.path);
    }
  }

  #pin(memory: DmaMemory, offset: number, size: bigint, iova: bigint, flags: number) {
    this.#lifetime.check();
    if (!(memory instanceof PinnedMemory)) {
      throw new TypeError('memory belongs to another back end: allocate it by this address space');
    }
    checkMapArguments(memory, offset, size, iova, flags);
    const calls = memory.file === null ? this.#calls : this.#callsOfFile(memory.file);
    return { pinned: memory, address: memory.pin() + BigInt(offset), calls };
  }

  /** @throws VfioError ENOTSUP if the address space belongs to a container */
  #callsOfFile(fd: number): MapCalls {
    const { path, file } = this.#calls;
    if (file !== null) return file(fd);
    const message = 'a container maps only memory of the process';
    throw new VfioError({ code: 'ENOTSUP', message, path, hint: NO_FILE_MAPPINGS });
  }

  #record(memory: PinnedMemory, iova: bigint, size: bigint, flags: number): void {
    // The flag only gives a mapping a new process address. The device still reaches the memory of
    // the first map call, so the table keeps that memory.
    if ((flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0) {
      memory.unpin();
      return;
    }
    // The kernel refuses overlapping mappings. If the table still contains mappings of this range
    // after a failed unmap, the kernel has therefore removed these mappings.
    for (const gone of this.#mappings.within({ iova, size })) this.#remove(gone);
    this.#mappings.add({ iova, size, memory });
    this.#mapped += size;
  }

  /** Removes all mappings within a range. The kernel removes only whole mappings. */
  #removeWithin(iova: bigint, size: bigint): void {
    for (const mapping of this.#mappings.within({ iova, size })) {
      if (mapping.iova + mapping.size <= iova + size) this.#remove(mapping);
    }
  }

  #removeAll(): void {
    for (const mapping of this.#mappings.all()) this.#remove(mapping);
  }

  #remove(mapping: Mapping): void {
    this.#mappings.remove(mapping);
    this.#mapped -= mapping.size;
    mapping.memory.unpin();
  }

  #describeMapError(error: unknown, iova: bigint, size: bigint): unknown {
    return describeError(error, this.#calls.path, ({ code, syscall }: VfioError) => {
      if (code === 'ENOMEM') return hints.memlock(this.#kernel.sysfs, size, this.#mapped);
      if (code === 'ENOSPC') return hints.noMoreMappings();
      if (code === 'EINVAL') return this.#iovaHint(iova, size);
      return syscall === IOMMU_IOAS_MAP_FILE ? explainFileMapping(code) : undefined;
    });
  }

  #iovaHint(iova: bigint, size: bigint): string | undefined {
    const ranges = this.ranges();
    const last = iova + size - 1n;
    const within = ranges.some(({ start, end }) => start <= iova && last <= end);
    return within ? undefined : hints.iovaOutside(ranges);
  }
}
