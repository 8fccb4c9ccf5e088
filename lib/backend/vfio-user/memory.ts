import type { DmaMemory, ExternalMemory, Memory } from '../../contract/index.js';
import { Lifetime } from '../../contract/lifetime.js';
import type { Native } from '../../native/binding.js';

/** A file that contains memory. The server maps the file. */
export interface MemoryFile {
  readonly fd: number;
  /** The offset of the memory in the file, in bytes. */
  readonly offset: number;
}

/** How the bytes of a memory are accessed, and how the memory is freed. */
export interface Backing {
  /** Null if the memory is in no file. The server then accesses the memory by messages. */
  readonly file: MemoryFile | null;
  /** @returns false if the bytes cannot be accessed */
  read(offset: number, into: Uint8Array): boolean;
  write(offset: number, from: Uint8Array): boolean;
  free(): void;
}

/**
 * Memory that the server can reach. If the memory is released while a part is mapped, the memory is
 * freed when the last part is unmapped.
 */
export class SharedMemory implements DmaMemory {
  readonly size: number;
  readonly backing: Backing;
  protected readonly lifetime = new Lifetime('the memory is released');
  #mappings = 0;

  constructor(size: number, backing: Backing) {
    this.size = size;
    this.backing = backing;
  }

  /** Adds one to the number of mappings. {@link unpin} subtracts one. */
  pin(): void {
    this.lifetime.check();
    this.#mappings++;
  }

  unpin(): void {
    if (--this.#mappings === 0 && !this.lifetime.isOpen) this.backing.free();
  }

  release(): void {
    if (this.lifetime.end() && this.#mappings === 0) this.backing.free();
  }
}

/** Memory of the process. */
export class OwnMemory extends SharedMemory implements Memory {
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer, backing: Backing) {
    super(buffer.byteLength, backing);
    this.#buffer = buffer;
  }

  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.lifetime.check();
    return this.#buffer;
  }
}

/**
 * Returns the memory of a file. The bytes are accessed through the descriptor, because the
 * ArrayBuffer of the memory can be transferred.
 */
export function fileBacking(native: Native, file: MemoryFile, free: () => void): Backing {
  return {
    file,
    read: (offset, into) => native.pread(file.fd, file.offset + offset, into) === into.length,
    write: (offset, from) => native.pwrite(file.fd, file.offset + offset, from) === from.length,
    free,
  };
}

/** Uses a SharedArrayBuffer, which is in no file. */
export function sharedBufferBacking(buffer: SharedArrayBuffer): Backing {
  const bytes = new Uint8Array(buffer);
  return {
    file: null,
    read(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length));
      return true;
    },
    write(offset, from) {
      bytes.set(from, offset);
      return true;
    },
    free: () => undefined,
  };
}

/** Uses memory of another process. The server accesses the memory by messages. */
export function externalBacking(memory: ExternalMemory): Backing {
  return {
    file: null,
    read: (offset, into) => memory.read(offset, into),
    write: (offset, from) => memory.writable && memory.write(offset, from),
    free() {
      memory.unmap();
    },
  };
}
