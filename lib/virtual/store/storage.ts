import { checkAccess, checkBytes, checkInteger, checkMethods, U32_MAX } from '../../checks.js';
import type { RegisterWindow } from '../../contract/index.js';

/** Storage of slots. Offsets are in bytes and are multiples of 4. */
export interface SlotStorage {
  /** Size in bytes. */
  readonly size: number;
  /** Reads a word by one access. @returns the unsigned value */
  read32(offset: number): number;
  /** Writes a word by one access. @param value - 0 to 2^32 - 1 */
  write32(offset: number, value: number): void;
  /**
   * Replaces some bits of a word atomically. If the device sets other bits at the same time, these
   * bits stay set. If the storage has no `update32` method, the library reads the word and then
   * writes the word. Registers with read-only pending bits need no `update32` method.
   *
   * @param bits - mask of the bits to replace
   * @param value - new value of these bits
   */
  update32?(offset: number, bits: number, value: number): void;
}

const STORAGE = ['read32', 'write32'];

/** Checks the storage that a program passes to a store. */
export function checkStorage(storage: SlotStorage): void {
  checkMethods(storage, 'storage', 'SlotStorage', STORAGE);
  checkInteger(storage.size, 'storage.size', 0, Number.MAX_SAFE_INTEGER);
}

/** Checks a word. The bit operators of JavaScript return signed values. */
function checkWord(value: unknown, name: string): void {
  if (typeof value === 'number' && ((value | 0) === value || value >>> 0 === value)) return;
  checkInteger(value, name, -(2 ** 31), U32_MAX);
}

/**
 * Returns storage in memory of the process, or in DMA memory that the device reads.
 *
 * @param bytes - aligned to 4 bytes
 * @example
 * const buffer = device.dma.allocateSync(4096);
 * const storage = memoryStorage(buffer.bytes);
 */
export function memoryStorage(bytes: Uint8Array): SlotStorage {
  checkBytes(bytes, 'bytes');
  if (bytes.byteOffset % 4 !== 0) {
    throw new RangeError(
      `bytes begin at ${bytes.byteOffset} of their buffer, not at a multiple of 4`,
    );
  }
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  // A call of checkAccess() for each access would take 80 % more time.
  const indexOf = (offset: number): number => {
    const index = typeof offset === 'number' ? offset >>> 2 : words.length;
    if (index * 4 !== offset || index >= words.length) checkAccess(offset, 4, words.byteLength);
    return index;
  };
  return {
    size: words.byteLength,
    // The device also reads and writes the words. Each access of the process must therefore happen
    // exactly once and immediately. Atomic operations guarantee such an access.
    read32: (offset) => Atomics.load(words, indexOf(offset)),
    write32: (offset, value) => {
      const index = indexOf(offset);
      checkWord(value, 'value');
      Atomics.store(words, index, value >>> 0);
    },
    update32: (offset, bits, value) => {
      const index = indexOf(offset);
      checkWord(bits, 'bits');
      checkWord(value, 'value');
      let before = Atomics.load(words, index);
      for (;;) {
        const after = ((before & ~bits) | (value & bits)) >>> 0;
        const seen = Atomics.compareExchange(words, index, before, after);
        if (seen === before) return;
        before = seen;
      }
    },
  };
}

/**
 * Returns storage in registers of a device.
 *
 * @param window - a mapped region
 * @param offset - offset of the first slot in bytes, a multiple of 4
 * @param size - size of the storage in bytes. Default: up to the end of the window
 * @throws RangeError if the storage exceeds the window or is not aligned
 */
export function regionStorage(window: RegisterWindow, offset = 0, size?: number): SlotStorage {
  checkMethods(window, 'window', 'RegisterWindow', STORAGE);
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const length = size ?? window.size - offset;
  checkInteger(length, 'size', 0, Number.MAX_SAFE_INTEGER);
  if (offset % 4 !== 0 || offset + length > window.size) {
    throw new RangeError(
      `${length} bytes at ${offset} are misaligned or exceed the window of ${window.size} bytes`,
    );
  }
  return {
    size: length,
    read32: (at) => window.read32(offset + at),
    write32: (at, value) => {
      window.write32(offset + at, value);
    },
  };
}
