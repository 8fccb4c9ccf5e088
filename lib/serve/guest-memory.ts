import { PAGE_SIZE, U64_MAX } from '../checks.js';
import type { AddressSpace } from '../contract/index.js';
import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';
import { MAX_DMA_MAPS } from '../vfio-user/protocol.js';
import { Intervals, type Interval } from '../contract/intervals.js';
import { type SharedFile, SharedFiles } from './shared-file.js';

const ACCESS = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
const PAGE = BigInt(PAGE_SIZE);

/** A DMA mapping that a client requests. */
export interface DmaMapRequest extends Interval {
  /** VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE or both. */
  readonly flags: number;
  /** Offset in the file, in bytes. Infinity for an offset of 2^53 or more. */
  readonly offset: number;
  /** The descriptor of the memory, or undefined if the client does not share the memory. */
  readonly fd: number | undefined;
}

interface Mapping extends Interval {
  /** Null if the device cannot reach the memory, because the client does not share the memory. */
  readonly file: SharedFile | null;
}

/** Receives the events of a {@link GuestMemory}. */
export interface GuestMemoryEvents {
  /** Called when the client has taken mapped memory away. */
  onLost(): void;
  /**
   * Called when the device's address space refuses a mapping. QEMU goes on, so the guest then waits
   * for ever for its first DMA transfer.
   */
  onRefused(error: unknown): void;
  /** Called when the client maps writable memory that the client does not share. */
  onUnshared(): void;
}

/** The memory of a client: its DMA mappings in the address space of the device. */
export class GuestMemory {
  readonly #space: AddressSpace;
  readonly #files: SharedFiles;
  readonly #events: GuestMemoryEvents;
  readonly #mappings = new Intervals<Mapping>();

  constructor(native: Native, space: AddressSpace, events: GuestMemoryEvents) {
    this.#space = space;
    this.#events = events;
    this.#files = new SharedFiles(native, space, () => {
      events.onLost();
    });
  }

  /**
   * Maps memory. The memory of a real device is pinned on another thread.
   *
   * @throws {@link VfioError} EINVAL for a wrong range; EEXIST if the range overlaps a mapping;
   *   ENOSPC if the client has the largest number of mappings; or an error of {@link SharedFiles} or
   *   of the device's address space
   */
  async map({ iova, size, flags, offset, fd }: DmaMapRequest): Promise<void> {
    const access = flags & ACCESS;
    const isAligned = iova % PAGE === 0n && size % PAGE === 0n && offset % PAGE_SIZE === 0;
    const end = offset + Number(size);
    const isInvalid = access === 0 || size === 0n || !isAligned || iova + size - 1n > U64_MAX;
    if (isInvalid || !Number.isSafeInteger(end)) fail('EINVAL');
    if (this.#mappings.overlaps({ iova, size })) fail('EEXIST');
    if (this.#mappings.count >= MAX_DMA_MAPS) fail('ENOSPC');
    const isWritable = (access & VFIO_DMA_MAP_FLAG_WRITE) !== 0;
    if (fd === undefined) {
      this.#mappings.add({ iova, size, file: null });
      // A guest's ROM is read-only, and QEMU never shares a ROM.
      if (isWritable) this.#events.onUnshared();
      return;
    }
    const file = this.#files.acquire(fd, end, isWritable);
    try {
      await this.#space.map(file.memory, offset, size, iova, access);
    } catch (error) {
      this.#files.release(file);
      this.#events.onRefused(error);
      throw error;
    }
    this.#mappings.add({ iova, size, file });
  }

  /**
   * Removes the mappings in a range, like VFIO_IOMMU_UNMAP_DMA of Linux. A range without a mapping
   * succeeds, because a client with a virtual IOMMU unmaps such ranges.
   *
   * @throws {@link VfioError} EINVAL if the range would split a mapping
   */
  unmap(iova: bigint, size: bigint, flags: number): void {
    if ((flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0) {
      for (const mapping of this.#mappings.all()) this.#remove(mapping);
      return;
    }
    if (this.#mappings.isSplitBy({ iova, size })) fail('EINVAL');
    for (const mapping of this.#mappings.within({ iova, size })) this.#remove(mapping);
  }

  /** Removes all mappings. @returns the errors of mappings that the device still has */
  close(): unknown[] {
    return this.#mappings.all().flatMap((mapping) => {
      try {
        this.#remove(mapping);
        return [];
      } catch (error) {
        return [error];
      }
    });
  }

  #remove(mapping: Mapping): void {
    const { iova, size, file } = mapping;
    if (file !== null) {
      try {
        this.#space.unmap(iova, size, 0);
      } catch (error) {
        // A closed device has no mappings.
        if (!(error instanceof VfioError && error.code === 'EBADF')) throw error;
      }
      this.#files.release(file);
    }
    this.#mappings.remove(mapping);
  }
}

function fail(code: string): never {
  throw new VfioError({ code, syscall: 'VFIO_USER_DMA_MAP' });
}
