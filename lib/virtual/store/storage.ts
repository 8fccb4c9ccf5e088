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

/**
 * Returns storage in memory of the process, or in DMA memory that the device reads.
 *
 * @param bytes - aligned to 4 bytes
 * @example
 * const buffer = device.dma.allocateSync(4096);
 * const storage = memoryStorage(buffer.bytes);
 */
export function memoryStorage(bytes: Uint8Array): SlotStorage {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  return {
    size: words.byteLength,
    // The device also reads and writes the words. The JavaScript engine must therefore not merge or
    // omit an access. Operations of `Atomics` are never merged or omitted.
    read32: (offset) => Atomics.load(words, offset >>> 2),
    write32: (offset, value) => {
      Atomics.store(words, offset >>> 2, value >>> 0);
    },
    update32: (offset, bits, value) => {
      const index = offset >>> 2;
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
 * @param size - size of the storage in bytes
 * @throws RangeError if the storage exceeds the window, or if `offset` is not a multiple of 4
 */
export function regionStorage(
  window: RegisterWindow,
  offset = 0,
  size = window.size - offset,
): SlotStorage {
  if (offset % 4 !== 0 || offset < 0 || offset + size > window.size) {
    throw new RangeError(
      `${size} bytes at ${offset} are misaligned or exceed the window of ${window.size} bytes`,
    );
  }
  return {
    size,
    read32: (at) => window.read32(offset + at),
    write32: (at, value) => {
      window.write32(offset + at, value);
    },
  };
}
