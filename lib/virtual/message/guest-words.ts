import { maskOf } from '../../checks.js';
/** Number of words in a chunk. */
const CHUNK = 1024;
const WORD = 4;
const COMPLETE = 0b1111;

interface Chunk {
  readonly values: Uint32Array;
  /** A bit for each byte of a word. The bit is set if the guest has written the byte. */
  readonly written: Uint8Array;
}

/**
 * The words that a guest has written to a window, whether or not the device contains these words.
 * An address is in bytes. Only the parts of the window that the guest writes use memory.
 */
export class GuestWords {
  readonly #chunks = new Map<number, Chunk>();

  /** @param address - a multiple of `width` */
  write(address: number, width: 1 | 2 | 4, value: number): void {
    const { chunk, at } = this.#find(address);
    const shift = 8 * (address % WORD);
    const bits = maskOf(width) << shift;
    chunk.values[at] = ((chunk.values[at] ?? 0) & ~bits) | (value << shift);
    chunk.written[at] = (chunk.written[at] ?? 0) | ((2 ** width - 1) << (address % WORD));
  }

  /**
   * Returns a word.
   *
   * @param address - a multiple of 4
   * @param bytes - the bytes that the guest must have written, a bit for each byte
   * @returns undefined if the guest has not written all of these bytes
   */
  get(address: number, bytes = COMPLETE): number | undefined {
    const chunk = this.#chunks.get(Math.floor(address / (WORD * CHUNK)));
    const at = (address / WORD) % CHUNK;
    if (chunk === undefined || ((chunk.written[at] ?? 0) & bytes) !== bytes) return undefined;
    return chunk.values[at];
  }

  /**
   * Replaces the bytes that the guest has written.
   *
   * @param address - a multiple of `width`
   * @param value - the bytes of the device at this address
   */
  overlay(address: number, width: 1 | 2 | 4, value: number): number {
    const { chunk, at } = this.#find(address);
    const first = address % WORD;
    let result = value;
    for (let byte = 0; byte < width; byte++) {
      if (((chunk.written[at] ?? 0) & (1 << (first + byte))) === 0) continue;
      const own = ((chunk.values[at] ?? 0) >>> (8 * (first + byte))) & 0xff;
      result = (result & ~(0xff << (8 * byte))) | (own << (8 * byte));
    }
    return result >>> 0;
  }

  /** Lists the complete words and their addresses. */
  *complete(): Generator<readonly [address: number, word: number]> {
    for (const [number, { values, written }] of this.#chunks) {
      for (const [at, word] of values.entries()) {
        if (written[at] === COMPLETE) yield [WORD * (number * CHUNK + at), word];
      }
    }
  }

  clear(): void {
    this.#chunks.clear();
  }

  #find(address: number): { chunk: Chunk; at: number } {
    const number = Math.floor(address / (WORD * CHUNK));
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = { values: new Uint32Array(CHUNK), written: new Uint8Array(CHUNK) };
      this.#chunks.set(number, chunk);
    }
    return { chunk, at: Math.floor(address / WORD) % CHUNK };
  }
}
