import type { RegisterWindow } from '../../contract/index.js';

/** Where slots are: offsets in bytes, multiples of 4. */
export interface SlotStorage {
  /** Bytes. */
  readonly size: number;
  /** One access. @returns the word, unsigned */
  read32(offset: number): number;
  /** One access. @param value - 0 to 2^32 - 1 */
  write32(offset: number, value: number): void;
  /**
   * Replaces some bits of a word in one step, so that bits the device sets meanwhile stay. Storage
   * without it is read and written: for registers, whose pending bits software cannot write.
   */
  update32?(offset: number, bits: number, value: number): void;
}

/**
 * Slots in memory: of the process, or DMA memory that the device reads.
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
    // Atomics, so that each word is one access, made now: the device looks at it, too.
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
 * Slots in registers of a device.
 *
 * @param window - a mapped region
 * @param offset - of the first slot, in bytes
 * @param size - bytes
 */
export function regionStorage(
  window: RegisterWindow,
  offset = 0,
  size = window.size - offset,
): SlotStorage {
  if (offset % 4 !== 0 || offset < 0 || offset + size > window.size) {
    throw new RangeError(`${size} bytes at ${offset} are not words of the window`);
  }
  return {
    size,
    read32: (at) => window.read32(offset + at),
    write32: (at, value) => {
      window.write32(offset + at, value);
    },
  };
}
