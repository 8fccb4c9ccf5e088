import { fstatSync } from 'node:fs';
import type { AddressSpace, DmaMemory, ExternalMemory } from '../contract/index.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';

/** The memory of a file that a client shares. Several DMA mappings use one file. */
export interface SharedFile {
  readonly memory: DmaMemory;
  readonly size: number;
  readonly writable: boolean;
  /** Number of DMA mappings that use the file. */
  uses: number;
}

/**
 * The largest number of mapped bytes of one client, 4 TiB. A process has 128 TiB of addresses, and
 * V8 aborts the process if no address is left.
 */
const BYTES_MAX = 2n ** 42n;
/** The largest number of mapped files of one client. Each file is a memory area of the process. */
const FILES_MAX = 256;

/**
 * The files that a client shares, each mapped into this process as a whole. A client with a virtual
 * IOMMU maps single pages, and the process could not have one memory area for each page.
 */
export class SharedFiles {
  readonly #native: Native;
  readonly #space: AddressSpace;
  readonly #onLost: () => void;
  readonly #files = new Map<string, SharedFile>();
  #count = 0;
  #bytes = 0n;

  /** @param onLost - called when the client has taken the memory of a file away */
  constructor(native: Native, space: AddressSpace, onLost: () => void) {
    this.#native = native;
    this.#space = space;
    this.#onLost = onLost;
  }

  /**
   * Returns the file of a descriptor, and adds 1 to its number of uses.
   *
   * @param end - the end in the file of the range to use, in bytes
   * @throws {@link VfioError} EINVAL if the descriptor is not a file or ends before `end`; EACCES if
   *   the descriptor does not allow writes; ENOTSUP for a file on a file system other than tmpfs and
   *   hugetlbfs; ENOMEM if the client has mapped too many files
   */
  acquire(fd: number, end: number, writable: boolean): SharedFile {
    const { dev, ino, size } = statFile(this.#native, fd);
    if (BigInt(end) > size) {
      throw new VfioError({
        code: 'EINVAL',
        message: `the range ends at ${end}, but the file has ${size} bytes`,
        syscall: 'mmap',
      });
    }
    const key = `${dev}:${ino}`;
    const known = this.#files.get(key);
    const usable = known !== undefined && known.size >= end && (known.writable || !writable);
    const file = usable ? known : this.#map(fd, size);
    if (writable && !file.writable) {
      file.memory.release();
      throw new VfioError({ code: 'EACCES', syscall: 'mmap' });
    }
    if (file.uses++ === 0) {
      this.#files.set(key, file);
      this.#count++;
      this.#bytes += size;
    }
    return file;
  }

  /** Subtracts 1 from the number of uses. The last call releases the file. */
  release(file: SharedFile): void {
    if (--file.uses > 0) return;
    this.#count--;
    this.#bytes -= BigInt(file.size);
    for (const [key, known] of this.#files) if (known === file) this.#files.delete(key);
    file.memory.release();
  }

  #map(fd: number, bytes: bigint): SharedFile {
    if (this.#count >= FILES_MAX || this.#bytes + bytes > BYTES_MAX) {
      throw new VfioError({
        code: 'ENOMEM',
        message:
          `the client shares ${this.#count} files of ${this.#bytes} bytes, and one more file of ` +
          `${bytes} bytes: at most ${FILES_MAX} files and ${BYTES_MAX} bytes are allowed`,
        syscall: 'mmap',
      });
    }
    const native = this.#native;
    const size = Number(bytes);
    const { handle, address, writable } = native.sharedMemoryMap(fd, size);
    const check = (exists: boolean) => {
      if (!exists) this.#onLost();
      return exists;
    };
    const memory: ExternalMemory = {
      size,
      address,
      writable,
      read: (offset, into) => check(native.sharedMemoryRead(handle, offset, into)),
      write: (offset, from) => check(native.sharedMemoryWrite(handle, offset, from)),
      unmap: () => {
        native.sharedMemoryUnmap(handle);
      },
    };
    return { memory: this.#space.fromExternal(memory), size, writable, uses: 0 };
  }
}

/** Checks the kind of a file first, because fstat(2) of a file on FUSE waits for a process. */
function statFile(native: Native, fd: number): { dev: bigint; ino: bigint; size: bigint } {
  const kind = native.fileKind(fd);
  if (kind === 'memory' || kind === 'huge') return fstatSync(fd, { bigint: true });
  const isFile = kind === 'regular';
  throw new VfioError({
    code: isFile ? 'ENOTSUP' : 'EINVAL',
    message: isFile
      ? 'the file of a DMA mapping is not on tmpfs or hugetlbfs'
      : 'the descriptor of a DMA mapping is not a file',
    syscall: 'mmap',
  });
}
