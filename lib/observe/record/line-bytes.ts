/** Size of the memory that stays allocated, in bytes. */
const ROOM = 1 << 17;
/** Maximum number of bytes in UTF-8 for each UTF-16 code unit of a string. */
const MAX_BYTES_PER_CHARACTER = 3;
/** Maximum number of bytes that a loop converts faster than `toString('hex')`. */
const MAX_SHORT = 64;
const MAX_DIGITS = 16;
const SMALL = 2 ** 31;
const ZERO = 48;

const HEX = Buffer.from('0123456789abcdef');

/**
 * Builds text as bytes. A record contains many more changes of memory than calls, and a string for
 * each change would take twice as long.
 */
export class LineBytes {
  #bytes = Buffer.allocUnsafe(ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  addText(text: string): void {
    this.#reserve(MAX_BYTES_PER_CHARACTER * text.length);
    this.#length += this.#bytes.write(text, this.#length);
  }

  addBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Adds a decimal number. @param value - a safe integer that is not negative */
  addInteger(value: number): void {
    if (value >= SMALL) {
      this.addText(String(value));
      return;
    }
    this.#reserve(MAX_DIGITS);
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits++;
    let rest = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      // `| 0` makes V8 use the division of integers.
      const quotient = (rest / 10) | 0;
      this.#bytes[at] = ZERO + rest - 10 * quotient;
      rest = quotient;
    }
    this.#length += digits;
  }

  /** Adds two hex digits for each byte from `start` to `end`. */
  addHex(from: Buffer, start: number, end: number): void {
    if (end - start > MAX_SHORT) {
      this.addText(from.toString('hex', start, end));
      return;
    }
    this.#reserve(2 * (end - start));
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = start; i < end; i++) {
      const byte = from[i] ?? 0;
      bytes[at++] = HEX[byte >> 4] ?? 0;
      bytes[at++] = HEX[byte & 15] ?? 0;
    }
    this.#length = at;
  }

  /** Returns all bytes and removes them. The result is valid until further text is added. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    if (this.#bytes.length > ROOM) this.#bytes = Buffer.allocUnsafe(ROOM);
    this.#length = 0;
    return taken;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
