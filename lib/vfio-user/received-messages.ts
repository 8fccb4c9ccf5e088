import { HEADER_SIZE, MAX_MESSAGE } from './protocol.js';

const HIGH_LIMIT = 2 ** 21;

/**
 * The messages that a socket has received, read in place. The object shows one message at a time.
 * An offset is the number of bytes after the header. The reader of a message first checks
 * {@link ReceivedMessages.payloadSize}.
 */
export class ReceivedMessages {
  /** Receives the messages. Besides a message, the buffer has room for the next header. */
  readonly buffer = new ArrayBuffer(MAX_MESSAGE + HEADER_SIZE);
  readonly #bytes = new Uint8Array(this.buffer);
  readonly #view = new DataView(this.buffer);
  #start = 0;
  #next = 0;
  #end = 0;

  /** Starts with new messages. @param length - bytes of all messages, at the start of the buffer */
  load(length: number): void {
    this.#start = 0;
    this.#next = 0;
    this.#end = length;
  }

  /** Moves to the next message. @returns false after the last message */
  next(): boolean {
    if (this.isLast) return false;
    this.#start = this.#next;
    this.#next += this.#view.getUint32(this.#start + 4, true);
    return true;
  }

  /** Whether no message follows the current message. */
  get isLast(): boolean {
    return this.#next >= this.#end;
  }

  get id(): number {
    return this.#view.getUint16(this.#start, true);
  }

  get command(): number {
    return this.#view.getUint16(this.#start + 2, true);
  }

  get flags(): number {
    return this.#view.getUint32(this.#start + 8, true);
  }

  /** The errno of a reply that reports an error. */
  get errno(): number {
    return this.#view.getUint32(this.#start + 12, true);
  }

  /** Bytes after the header. */
  get payloadSize(): number {
    return this.#next - this.#start - HEADER_SIZE;
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.#start + HEADER_SIZE + offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#start + HEADER_SIZE + offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#start + HEADER_SIZE + offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(this.#start + HEADER_SIZE + offset, true);
  }

  /** Reads a 64-bit number without creating a bigint. @returns Infinity for 2^53 or more */
  u53(offset: number): number {
    const high = this.u32(offset + 4);
    return high < HIGH_LIMIT ? high * 2 ** 32 + this.u32(offset) : Infinity;
  }

  /** Returns bytes of the payload. The bytes are not copied, and the next message changes them. */
  bytes(offset: number, length: number): Uint8Array {
    const start = this.#start + HEADER_SIZE + offset;
    return this.#bytes.subarray(start, start + length);
  }

  /** Copies bytes of the payload. */
  copy(offset: number, into: Uint8Array): void {
    const start = this.#start + HEADER_SIZE + offset;
    for (let i = 0; i < into.length; i++) into[i] = this.#bytes[start + i] ?? 0;
  }
}
