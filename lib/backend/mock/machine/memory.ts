import { fstatSync, readSync, writeSync } from 'node:fs';
import type { HugePages, Memory } from '../../../contract/index.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { checkInteger, checkPages, PAGE_SIZE } from '../../../checks.js';
import { fail } from './errno.js';

const HUGE_PAGE_SIZE = { '2M': 2 ** 21, '1G': 2 ** 30 } as const;

/**
 * Memory of the process as the IOMMU sees it. It stays as long as any of it is mapped: a release
 * before that takes effect with the last unmapping.
 */
export class MockMemory implements Memory {
  readonly size: number;
  /** Bytes that can be mapped; what a file is too short for cannot. */
  readonly mappable: number;
  /** Whether a device may write it. */
  readonly writable: boolean;
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #lifetime = new Lifetime('the memory is released');
  #mappings = 0;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer, mappable: number, writable: boolean) {
    this.size = buffer.byteLength;
    this.mappable = mappable;
    this.writable = writable;
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
  }

  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.#lifetime.check();
    return this.#buffer;
  }

  /** The device reads memory. */
  copyOut(offset: number, into: Uint8Array): void {
    into.set(this.#reached().subarray(offset, offset + into.length));
  }

  /** The device writes memory. */
  copyIn(offset: number, from: Uint8Array): void {
    this.#reached().set(from, offset);
  }

  /** A device goes on with memory that was transferred; JavaScript cannot. */
  #reached(): Uint8Array {
    if (this.#bytes.length === this.size) return this.#bytes;
    throw new Error(
      'DMA to memory whose ArrayBuffer was transferred: an imitation cannot reach it there. To give it to a worker, map a SharedArrayBuffer.',
    );
  }

  /** Holds it for one mapping more, until {@link unpin}. */
  pin(): void {
    this.#lifetime.check();
    this.#mappings++;
  }

  unpin(): void {
    if (--this.#mappings === 0 && !this.#lifetime.isOpen) this.free(this.#buffer);
  }

  release(): void {
    if (this.#lifetime.end() && this.#mappings === 0) this.free(this.#buffer);
  }

  protected free(buffer: ArrayBuffer | SharedArrayBuffer): void {
    // Detached, unless somebody transferred it already; a SharedArrayBuffer cannot be.
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) {
      structuredClone(buffer, { transfer: [buffer] });
    }
  }
}

/**
 * A file's bytes, read once: JavaScript cannot map a file. What the device writes goes to the file
 * at once, what the program writes when the memory is released; what others write to the file
 * meanwhile is not seen.
 */
class FileMemory extends MockMemory {
  readonly #fd: number;
  readonly #offset: number;

  constructor(fd: number, offset: number, size: number, mappable: number, writable: boolean) {
    const bytes = new Uint8Array(size);
    for (let at = 0, n = -1; at < size && n !== 0; at += n) {
      n = readSync(fd, bytes, at, size - at, offset + at);
    }
    super(bytes.buffer, mappable, writable);
    this.#fd = fd;
    this.#offset = offset;
  }

  override copyIn(offset: number, from: Uint8Array): void {
    super.copyIn(offset, from);
    writeSync(this.#fd, from, 0, from.length, this.#offset + offset);
  }

  protected override free(buffer: ArrayBuffer | SharedArrayBuffer): void {
    if (this.writable && buffer.byteLength > 0) {
      const bytes = new Uint8Array(buffer, 0, Math.min(this.size, this.mappable));
      try {
        writeSync(this.#fd, bytes, 0, bytes.length, this.#offset);
      } catch {
        // A mapping would outlive its file descriptor; here the file is not reached any more.
      }
    }
    super.free(buffer);
  }
}

/** Zeroed memory; `size` is rounded up to whole pages of the kind asked for. */
export function allocate(size: number, hugePages: HugePages): MockMemory {
  checkInteger(size, 'size', 1, Number.MAX_SAFE_INTEGER);
  const page =
    typeof hugePages === 'boolean'
      ? PAGE_SIZE
      : (HUGE_PAGE_SIZE as Record<string, number>)[hugePages];
  if (page === undefined) throw new TypeError("hugePages must be a boolean, '2M' or '1G'");
  const whole = Math.ceil(size / page) * page;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(whole);
  } catch {
    return fail('ENOMEM', 'mmap');
  }
  return new MockMemory(buffer, whole, true);
}

/** @throws VfioError EBADF, EACCES or ENODEV, as mmap(2) of the file */
export function mapFile(fd: number, offset: number, size: number, writable: boolean): MockMemory {
  checkInteger(fd, 'fd', 0, 2 ** 31 - 1);
  checkPages(offset, 'offset');
  checkInteger(size, 'size', 1, Number.MAX_SAFE_INTEGER);
  checkPages(size, 'size');
  const length = fileLength(fd);
  const nothing = new Uint8Array(0);
  try {
    // A transfer of no bytes asks whether the file was opened for it.
    readSync(fd, nothing, 0, 0, 0);
    if (writable) writeSync(fd, nothing, 0, 0, 0);
  } catch {
    return fail('EACCES', 'mmap');
  }
  const mappable = Math.ceil(Math.max(length - offset, 0) / PAGE_SIZE) * PAGE_SIZE;
  return new FileMemory(fd, offset, size, mappable, writable);
}

/**
 * @throws RangeError unless it is whole pages and begins on one. JavaScript does not tell an
 *   address, but V8 aligns to pages what can grow and the shared memory of WebAssembly (which is
 *   frozen), and only those.
 */
export function share(buffer: SharedArrayBuffer): MockMemory {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError('buffer must be a SharedArrayBuffer');
  }
  checkInteger(buffer.byteLength, 'byteLength', 1, Number.MAX_SAFE_INTEGER);
  checkPages(buffer.byteLength, 'byteLength');
  if (!('growable' in buffer && buffer.growable) && !Object.isFrozen(buffer)) {
    throw new RangeError(
      'the SharedArrayBuffer does not begin on a page: make it with { maxByteLength: size }',
    );
  }
  return new MockMemory(buffer, buffer.byteLength, true);
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
