import { fstatSync, readSync, writeSync } from 'node:fs';
import type { HugePages, Memory } from '../../../contract/index.js';
import { HUGE_PAGES } from '../../../contract/memory.js';
import {
  checkBoolean,
  checkBufferSize,
  checkChoice,
  checkInteger,
  checkPages,
  PAGE_SIZE,
} from '../../../checks.js';
import { fail } from './errno.js';
import { HostMemory } from './host-memory.js';

const HUGE_PAGE_SIZE = { '2M': 2 ** 21, '1G': 2 ** 30 } as const;

/** Memory of the process that a mock device can access. */
export class MockMemory extends HostMemory implements Memory {
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #bytes: Uint8Array;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer, writable: boolean) {
    super(buffer.byteLength, writable);
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
  }

  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.checkOpen();
    return this.#buffer;
  }

  override copyOut(offset: number, into: Uint8Array): boolean {
    into.set(this.#requireBytes().subarray(offset, offset + into.length));
    return true;
  }

  override copyIn(offset: number, from: Uint8Array): boolean {
    this.#requireBytes().set(from, offset);
    return true;
  }

  /**
   * Returns the bytes of the memory. Throws if the ArrayBuffer was transferred, because the bytes
   * of a transferred ArrayBuffer are inaccessible.
   */
  #requireBytes(): Uint8Array {
    if (this.#bytes.length === this.size) return this.#bytes;
    throw new Error(
      'a mock device cannot access the memory, because its ArrayBuffer was transferred: ' +
        'to share memory with a worker, map a SharedArrayBuffer',
    );
  }

  protected override free(): void {
    const buffer = this.#buffer;
    // A transferred ArrayBuffer has length 0. A SharedArrayBuffer cannot be detached.
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) {
      structuredClone(buffer, { transfer: [buffer] });
    }
  }

  /** The bytes of the memory. Empty if the ArrayBuffer was transferred. */
  protected get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/**
 * Memory with the bytes of a file. The file is read only once, because JavaScript cannot map files.
 * A DMA write changes the file at once. Writes of the program change the file when the memory is
 * released. A later change of the file does not change the memory.
 */
class FileMemory extends MockMemory {
  readonly #fd: number;
  readonly #offset: number;

  constructor(fd: number, offset: number, size: number, writable: boolean) {
    const bytes = new Uint8Array(size);
    for (let at = 0, n = -1; at < size && n !== 0; at += n) {
      n = readSync(fd, bytes, at, size - at, offset + at);
    }
    super(bytes.buffer, writable);
    this.#fd = fd;
    this.#offset = offset;
  }

  override copyIn(offset: number, from: Uint8Array): boolean {
    super.copyIn(offset, from);
    writeSync(this.#fd, from, 0, from.length, this.#offset + offset);
    return true;
  }

  protected override free(): void {
    if (this.writable && this.bytes.length > 0) {
      const { bytes } = this;
      try {
        writeSync(this.#fd, bytes, 0, bytes.length, this.#offset);
      } catch {
        // The program has closed the descriptor, so the copy cannot be written back.
      }
    }
    super.free();
  }
}

/** Allocates zeroed memory. `size` is rounded up to whole pages of the requested kind. */
export function allocate(size: number, hugePages: HugePages): MockMemory {
  checkBufferSize(size, 'size');
  checkChoice(hugePages, 'hugePages', HUGE_PAGES);
  const page = typeof hugePages === 'boolean' ? PAGE_SIZE : HUGE_PAGE_SIZE[hugePages];
  const whole = Math.ceil(size / page) * page;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(whole);
  } catch {
    return fail('ENOMEM', 'mmap');
  }
  return new MockMemory(buffer, true);
}

/**
 * Reads a file into memory.
 *
 * @throws VfioError ENXIO if the file ends before `offset + size`; EBADF, EACCES or ENODEV, like
 *   mmap(2)
 */
export function mapFile(fd: number, offset: number, size: number, writable: boolean): MockMemory {
  checkInteger(fd, 'fd', 0, 2 ** 31 - 1);
  checkPages(offset, 'offset');
  checkBufferSize(size, 'size');
  checkPages(size, 'size');
  checkBoolean(writable, 'writable');
  if (offset + size > fileLength(fd)) fail('ENXIO', 'mmap');
  const nothing = new Uint8Array(0);
  try {
    // A read of 0 bytes fails if the file was not opened for reading. A write of 0 bytes fails if
    // the file was not opened for writing.
    readSync(fd, nothing, 0, 0, 0);
    if (writable) writeSync(fd, nothing, 0, 0, 0);
  } catch {
    return fail('EACCES', 'mmap');
  }
  return new FileMemory(fd, offset, size, writable);
}

/**
 * Uses a SharedArrayBuffer. JavaScript cannot read the address of a buffer. V8 aligns only two
 * kinds of shared buffers to pages: growable buffers, and the memory of WebAssembly. A buffer of
 * WebAssembly memory is frozen.
 *
 * @throws RangeError if the buffer is not page-aligned, or if its size is not a multiple of the
 *   page size
 */
export function share(buffer: SharedArrayBuffer): MockMemory {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError('buffer must be a SharedArrayBuffer');
  }
  checkInteger(buffer.byteLength, 'byteLength', 1, Number.MAX_SAFE_INTEGER);
  checkPages(buffer.byteLength, 'byteLength');
  if (!('growable' in buffer && buffer.growable) && !Object.isFrozen(buffer)) {
    throw new RangeError(
      'the SharedArrayBuffer is not page-aligned: create it with { maxByteLength: size }',
    );
  }
  return new MockMemory(buffer, true);
}

function fileLength(fd: number): number {
  let stat;
  try {
    stat = fstatSync(fd);
  } catch {
    return fail('EBADF', 'mmap');
  }
  return stat.isFile() ? stat.size : fail('ENODEV', 'mmap');
}
