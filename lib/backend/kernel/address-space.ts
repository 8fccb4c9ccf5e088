import { VfioError } from '../../errors.js';
import { VFIO_DMA_UNMAP_FLAG_ALL } from '../../contract/uapi.js';
import type { AddressSpace, HugePages, IovaRange, Memory } from '../../contract/index.js';
import { Lifetime } from '../../contract/lifetime.js';
import { checkInteger, checkU32, checkU64 } from '../../checks.js';
import { explain } from './explain.js';
import * as hints from '../../sysfs/hints.js';
import type { Kernel } from './kernel.js';
import { allocate, KernelMemory, mapFd, share } from './memory.js';
import type { Counted } from './ownership.js';

/** What an address space asks of the kernel; numbers and flags are those of linux/vfio.h. */
export interface DmaCalls {
  /** The node that stands for it, for errors. */
  readonly path: string;
  pageSizes(): bigint;
  /** Pairs of first and last IOVA, flattened. */
  ranges(): readonly bigint[];
  map(flags: number, address: bigint, iova: bigint, size: bigint): void;
  mapAsync(flags: number, address: bigint, iova: bigint, size: bigint): Promise<void>;
  unmap(flags: number, iova: bigint, size: bigint): bigint;
}

interface Mapping {
  readonly memory: KernelMemory;
  readonly size: bigint;
}

/**
 * Keeps alive what is mapped, by the table of its mappings; the rest is up to the calls. After an
 * unmap that failed half way, what the kernel did unmap is held until close.
 */
export class KernelAddressSpace implements AddressSpace {
  readonly #kernel: Kernel;
  readonly #calls: DmaCalls;
  readonly #owner: Counted;
  readonly #mappings = new Map<bigint, Mapping>();
  readonly #lifetime: Lifetime;
  #mapped = 0n;
  #closingHint: string | undefined;

  /** @param owner - holds the file descriptors behind the calls */
  constructor(kernel: Kernel, calls: DmaCalls, owner: Counted) {
    this.#kernel = kernel;
    this.#calls = calls;
    this.#owner = owner;
    this.#lifetime = new Lifetime('the address space is closed', calls.path);
  }

  get pageSizes(): bigint {
    return this.#ask((calls) => calls.pageSizes());
  }

  ranges(): IovaRange[] {
    const flat = this.#ask((calls) => calls.ranges());
    return flat.flatMap((start, i) => {
      const end = flat[i + 1];
      return i % 2 === 0 && end !== undefined ? { start, end } : [];
    });
  }

  allocate(size: number, hugePages: HugePages): Memory {
    this.#lifetime.check();
    return allocate(this.#kernel.native, size, hugePages);
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    this.#lifetime.check();
    return mapFd(this.#kernel.native, fd, offset, size, writable);
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    this.#lifetime.check();
    return share(this.#kernel.native, buffer);
  }

  async map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number) {
    const { mine, address } = this.#pin(memory, offset, size, iova, flags);
    // Whoever closes the device meanwhile leaves the file descriptor to this call.
    this.#owner.retain();
    try {
      await this.#calls.mapAsync(flags, address, iova, size);
      this.#record(mine, iova, size);
    } catch (error) {
      mine.unpin();
      throw this.#explain(error, iova, size);
    } finally {
      this.#owner.release();
    }
  }

  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void {
    const { mine, address } = this.#pin(memory, offset, size, iova, flags);
    try {
      this.#calls.map(flags, address, iova, size);
    } catch (error) {
      mine.unpin();
      throw this.#explain(error, iova, size);
    }
    this.#record(mine, iova, size);
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    checkU64(iova, 'iova');
    checkU64(size, 'size');
    checkU32(flags, 'flags');
    const unmapped = this.#ask((calls) => calls.unmap(flags, iova, size));
    if ((flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0) this.#forgetAll();
    else this.#forget(iova, size);
    return unmapped;
  }

  /** The hint of {@link close}: the last device that leaves the address space sets it. */
  explainClosing(hint: string | undefined): void {
    this.#closingHint = hint;
  }

  /** Unmaps all, for a container that outlives it, and lets go of the memory. */
  close(): void {
    this.#lifetime.end(this.#closingHint);
    for (const [iova, { size }] of this.#mappings) {
      try {
        this.#calls.unmap(0, iova, size);
      } catch {
        // The container is closed next and unmaps what is left.
      }
    }
    this.#forgetAll();
  }

  #ask<T>(run: (calls: DmaCalls) => T): T {
    this.#lifetime.check();
    try {
      return run(this.#calls);
    } catch (error) {
      throw explain(error, this.#calls.path);
    }
  }

  #pin(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number) {
    this.#lifetime.check();
    if (!(memory instanceof KernelMemory)) throw new TypeError('memory is not of this back end');
    checkInteger(offset, 'offset', 0, memory.size);
    checkU64(size, 'size');
    checkU64(iova, 'iova');
    checkU32(flags, 'flags');
    if (BigInt(offset) + size > BigInt(memory.size)) {
      throw new RangeError(`${size} bytes from ${offset} are not within ${memory.size}`);
    }
    return { mine: memory, address: memory.pin() + BigInt(offset) };
  }

  #record(memory: KernelMemory, iova: bigint, size: bigint): void {
    this.#drop(iova);
    this.#mappings.set(iova, { memory, size });
    this.#mapped += size;
  }

  #drop(iova: bigint): void {
    const mapping = this.#mappings.get(iova);
    if (mapping === undefined) return;
    this.#mappings.delete(iova);
    this.#mapped -= mapping.size;
    mapping.memory.unpin();
  }

  /** The kernel unmaps whole mappings only, all that lie within the range. */
  #forget(iova: bigint, size: bigint): void {
    if (this.#mappings.get(iova)?.size === size) {
      this.#drop(iova);
      return;
    }
    for (const [start, mapping] of this.#mappings) {
      if (start >= iova && start + mapping.size <= iova + size) this.#drop(start);
    }
  }

  #forgetAll(): void {
    for (const iova of this.#mappings.keys()) this.#drop(iova);
  }

  #explain(error: unknown, iova: bigint, size: bigint): unknown {
    return explain(error, this.#calls.path, ({ code }: VfioError) => {
      if (code === 'ENOMEM') return hints.memlock(this.#kernel.sysfs, size, this.#mapped);
      if (code === 'ENOSPC') return hints.noMoreMappings();
      if (code === 'EINVAL') return this.#iovaHint(iova, size);
      return undefined;
    });
  }

  #iovaHint(iova: bigint, size: bigint): string | undefined {
    const ranges = this.ranges();
    const last = iova + size - 1n;
    const within = ranges.some(({ start, end }) => start <= iova && last <= end);
    return within ? undefined : hints.iovaOutside(ranges);
  }
}
