import { PAGE_SIZE } from '../../checks.js';
import type { HugePages } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Handle, Native } from '../../native/binding.js';
import { FreeRanges } from './free-ranges.js';
import { fileBacking, OwnMemory } from './memory.js';

/**
 * The largest size of a file in bytes. The file is mapped as a whole, so that all its pieces are one
 * memory area of the process. The pages of a file are allocated piece by piece.
 */
const CAPACITY = 2 ** 36;
const PAGE_SHIFT = Math.log2(PAGE_SIZE);
const TRANSPARENT_SHIFT = 21;
const POOL_SHIFTS = { '2M': 21, '1G': 30 } as const;

interface PoolFile {
  readonly fd: number;
  readonly handle: Handle<'memoryFile'>;
  readonly free: FreeRanges;
}

/**
 * DMA memory in pieces of one memfd. Huge pages of the reserved pool have a memfd of their own. A
 * program with many buffers therefore uses few descriptors and few memory areas.
 */
export class MemoryPool {
  readonly #native: Native;
  /** The files by the page shift of their reserved pool; 0 means normal pages. */
  readonly #files = new Map<number, PoolFile>();

  constructor(native: Native) {
    this.#native = native;
  }

  /**
   * Allocates zeroed memory.
   * @throws {@link VfioError} ENOMEM if the file, the system or the pool of huge pages is full
   */
  allocate(size: number, hugePages: HugePages): OwnMemory {
    const native = this.#native;
    const reserved = typeof hugePages === 'string' ? POOL_SHIFTS[hugePages] : 0;
    const alignment = 2 ** (reserved || (hugePages === true ? TRANSPARENT_SHIFT : PAGE_SHIFT));
    const page = hugePages === true ? 2 ** PAGE_SHIFT : alignment;
    const whole = Math.ceil(size / page) * page;
    const { fd, handle, free } = this.#file(reserved);
    const offset = free.allocate(whole, alignment);
    if (offset === null) {
      throw new VfioError({
        code: 'ENOMEM',
        message: `the DMA memory of one device has at most ${CAPACITY} bytes`,
        syscall: 'fallocate',
      });
    }
    let buffer: ArrayBuffer;
    try {
      buffer = native.memoryFileAllocate(handle, fd, offset, whole);
    } catch (error) {
      free.free(offset, whole);
      throw error;
    }
    const backing = fileBacking(native, { fd, offset }, () => {
      // A transferred ArrayBuffer still shows the piece, so the piece is not used again.
      const openFd = this.#files.has(reserved) ? fd : -1;
      const isFree = native.memoryFileFree(handle, openFd, offset, whole, buffer);
      if (isFree) free.free(offset, whole);
    });
    return new OwnMemory(buffer, backing);
  }

  /** Closes the files. The memory of ArrayBuffers stays mapped. */
  close(): void {
    for (const { fd } of this.#files.values()) this.#native.close(fd);
    this.#files.clear();
  }

  #file(shift: number): PoolFile {
    const known = this.#files.get(shift);
    if (known !== undefined) return known;
    const native = this.#native;
    const fd = native.memoryFileCreate(shift);
    try {
      const handle = native.memoryFileMap(fd, CAPACITY, shift);
      const file = { fd, handle, free: new FreeRanges(CAPACITY) };
      this.#files.set(shift, file);
      return file;
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }
}
