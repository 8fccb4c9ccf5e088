const CHUNK = 4096;

/** The blocks of a namespace. A block that was never written uses no memory and reads as zeros. */
export class Namespace {
  readonly blockSize = 512;
  readonly blocks = (64 * 2 ** 20) / this.blockSize;
  readonly #chunks = new Map<number, Uint8Array>();

  /** Reads blocks. @param offset - bytes from the start of the namespace */
  read(offset: number, into: Uint8Array): void {
    for (const { chunk, at, from, length } of splitByChunk(offset, into.length)) {
      const bytes = this.#chunks.get(chunk);
      if (bytes === undefined) into.fill(0, from, from + length);
      else into.set(bytes.subarray(at, at + length), from);
    }
  }

  write(offset: number, bytes: Uint8Array): void {
    for (const { chunk, at, from, length } of splitByChunk(offset, bytes.length)) {
      let stored = this.#chunks.get(chunk);
      if (stored === undefined) this.#chunks.set(chunk, (stored = new Uint8Array(CHUNK)));
      stored.set(bytes.subarray(from, from + length), at);
    }
  }

  zero(offset: number, length: number): void {
    for (const part of splitByChunk(offset, length)) {
      if (part.length === CHUNK) this.#chunks.delete(part.chunk);
      else this.#chunks.get(part.chunk)?.fill(0, part.at, part.at + part.length);
    }
  }
}

interface Part {
  readonly chunk: number;
  /** Offset in the chunk, in bytes. */
  readonly at: number;
  /** Offset in the transfer, in bytes. */
  readonly from: number;
  readonly length: number;
}

/** Splits a transfer at chunk boundaries. */
function* splitByChunk(offset: number, total: number): Generator<Part> {
  for (let from = 0; from < total;) {
    const at = (offset + from) % CHUNK;
    const length = Math.min(CHUNK - at, total - from);
    yield { chunk: Math.floor((offset + from) / CHUNK), at, from, length };
    from += length;
  }
}
