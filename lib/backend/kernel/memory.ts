import type { DmaMemory, HugePages, Memory } from '../../contract/index.js';
import { HUGE_PAGES } from '../../contract/memory.js';
import { Lifetime } from '../../contract/lifetime.js';
import type { Native, NativeMemory } from '../../native/binding.js';
import {
  checkBoolean,
  checkBufferSize,
  checkChoice,
  checkInteger,
  checkPages,
  PAGE_SIZE,
} from '../../checks.js';
import { callWithPath } from '../linux/describe-error.js';
import * as hints from '../../sysfs/hints.js';

const HUGE_PAGE_SHIFT = { '2M': 21, '1G': 30 } as const;
const TRANSPARENT = -1;

/**
 * Memory at a fixed address, or a part of a file. If the memory is released while a part is mapped in the IOMMU, the
 * memory is freed when the last part is unmapped.
 */
export class PinnedMemory implements DmaMemory {
  readonly size: number;
  /** The descriptor of memory that is not mapped into the process. The address is its offset. */
  readonly file: number | null;
  readonly #address: bigint;
  readonly #free: () => void;
  readonly #lifetime = new Lifetime('the memory is released');
  #mappings = 0;

  constructor(size: number, address: bigint, free: () => void, file: number | null = null) {
    this.size = size;
    this.file = file;
    this.#address = address;
    this.#free = free;
  }

  /** @throws VfioError EBADF if the memory is released */
  checkOpen(): void {
    this.#lifetime.check();
  }

  /**
   * Adds one to the number of mappings. {@link unpin} subtracts one. Returns the address of the
   * memory in the process.
   */
  pin(): bigint {
    this.#lifetime.check();
    this.#mappings++;
    return this.#address;
  }

  unpin(): void {
    if (--this.#mappings === 0 && !this.#lifetime.isOpen) this.#free();
  }

  release(): void {
    if (this.#lifetime.end() && this.#mappings === 0) this.#free();
  }
}

/** Memory of the process. */
export class KernelMemory extends PinnedMemory implements Memory {
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;

  constructor(buffer: ArrayBuffer | SharedArrayBuffer, address: bigint, free: () => void) {
    super(buffer.byteLength, address, free);
    this.#buffer = buffer;
  }

  get buffer(): ArrayBuffer | SharedArrayBuffer {
    this.checkOpen();
    return this.#buffer;
  }
}

/**
 * Allocates zeroed memory. `size` is rounded up to whole pages of the requested page size.
 *
 * @throws VfioError ENOMEM if the system has no memory left, or if the pool has too few huge pages
 */
export function allocate(native: Native, size: number, hugePages: HugePages): KernelMemory {
  checkBufferSize(size, 'size');
  checkChoice(hugePages, 'hugePages', HUGE_PAGES);
  if (typeof hugePages === 'boolean') {
    return owned(native, native.memoryAllocate(roundUp(size), hugePages ? TRANSPARENT : 0));
  }
  const shift = HUGE_PAGE_SHIFT[hugePages];
  const whole = roundUp(size, 2 ** shift);
  return callWithPath(
    hints.hugePagePool(2 ** shift),
    () => owned(native, native.memoryAllocate(whole, shift)),
    (error) => (error.code === 'ENOMEM' ? hints.hugePages(2 ** shift, whole) : undefined),
  );
}

export function mapFd(
  native: Native,
  fd: number,
  offset: number,
  size: number,
  writable: boolean,
): KernelMemory {
  checkInteger(fd, 'fd', 0, 2 ** 31 - 1);
  checkPages(offset, 'offset');
  checkBufferSize(size, 'size');
  checkPages(size, 'size');
  checkBoolean(writable, 'writable');
  return callWithPath(`fd ${fd}`, () =>
    owned(native, native.memoryMapFd(fd, offset, size, writable)),
  );
}

/**
 * Uses a SharedArrayBuffer at the address that V8 chose. V8 aligns only growable buffers to pages.
 * On Node 20 `new SharedArrayBuffer(n, { maxByteLength: n })` and the buffer of a shared
 * WebAssembly.Memory are page-aligned. A plain buffer of 4 MiB starts 16 bytes after a page
 * boundary.
 *
 * @throws RangeError if the buffer is not page-aligned or its size is not a multiple of the page
 *   size
 */
export function share(native: Native, buffer: SharedArrayBuffer): KernelMemory {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError('buffer must be a SharedArrayBuffer');
  }
  checkInteger(buffer.byteLength, 'byteLength', 1, Number.MAX_SAFE_INTEGER);
  checkPages(buffer.byteLength, 'byteLength');
  const bytes = new Uint8Array(buffer);
  const address = native.addressOf(bytes);
  if (address % BigInt(PAGE_SIZE) !== 0n) {
    throw new RangeError(
      'the SharedArrayBuffer is not page-aligned: create it with { maxByteLength: size }',
    );
  }
  populate(bytes);
  return new KernelMemory(buffer, address, () => undefined);
}

/**
 * Writes to each page without changing its contents. Before Linux 6.2, if an unwritten page is
 * mapped read-only for the device, the device always reads zeros from the page.
 */
function populate(bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; offset += PAGE_SIZE) Atomics.or(bytes, offset, 0);
}

function owned(native: Native, { handle, buffer, address }: NativeMemory): KernelMemory {
  return new KernelMemory(buffer, address, () => {
    native.memoryRelease(handle, buffer);
  });
}

function roundUp(size: number, page = PAGE_SIZE): number {
  return Math.ceil(size / page) * page;
}
