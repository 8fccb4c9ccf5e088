import {
  HEADER_SIZE,
  MAX_MESSAGE,
  VFIO_USER_COMMAND,
  VFIO_USER_ERROR,
  VFIO_USER_REPLY,
} from './protocol.js';
import type { ReceivedMessages } from './received-messages.js';

/**
 * A message to send. An offset is the number of bytes after the header. The buffer of the message
 * is used again for the next message.
 */
export class Draft {
  readonly bytes: Uint8Array = new Uint8Array(MAX_MESSAGE);
  readonly #view = new DataView(this.bytes.buffer);
  /** Bytes of the message, with the header. */
  size = HEADER_SIZE;

  /** Starts a command that wants a reply. @param payloadSize - bytes after the header */
  startCommand(id: number, command: number, payloadSize: number): this {
    return this.#start(id, command, VFIO_USER_COMMAND, 0, payloadSize);
  }

  /** Starts a reply to a command. @param payloadSize - bytes after the header */
  startReply({ id, command }: ReceivedMessages, payloadSize: number): this {
    return this.#start(id, command, VFIO_USER_REPLY, 0, payloadSize);
  }

  /** Starts a reply that reports an error. @param errno - a positive errno */
  startError({ id, command }: ReceivedMessages, errno: number): this {
    return this.#start(id, command, VFIO_USER_REPLY | VFIO_USER_ERROR, errno, 0);
  }

  setU8(offset: number, value: number): this {
    this.bytes[HEADER_SIZE + offset] = value;
    return this;
  }

  setU16(offset: number, value: number): this {
    this.#view.setUint16(HEADER_SIZE + offset, value, true);
    return this;
  }

  setU32(offset: number, value: number): this {
    this.#view.setUint32(HEADER_SIZE + offset, value, true);
    return this;
  }

  /** Writes a 64-bit number without creating a bigint. @param value - below 2^53 */
  setU53(offset: number, value: number): this {
    this.setU32(offset, value % 2 ** 32);
    return this.setU32(offset + 4, Math.floor(value / 2 ** 32));
  }

  setU64(offset: number, value: bigint): this {
    this.#view.setBigUint64(HEADER_SIZE + offset, value, true);
    return this;
  }

  setBytes(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, HEADER_SIZE + offset);
    return this;
  }

  /** Returns bytes of the payload, to be filled. */
  payload(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(HEADER_SIZE + offset, HEADER_SIZE + offset + length);
  }

  /** Shortens the payload. */
  shorten(payloadSize: number): this {
    this.size = HEADER_SIZE + payloadSize;
    this.#view.setUint32(4, this.size, true);
    return this;
  }

  #start(id: number, command: number, flags: number, errno: number, size: number): this {
    const view = this.#view;
    view.setUint16(0, id, true);
    view.setUint16(2, command, true);
    view.setUint32(8, flags, true);
    view.setUint32(12, errno, true);
    return this.shorten(size);
  }
}
