import { constants } from 'node:os';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { native } from '../../../../lib/native/binding.js';
import { COMMANDS, header, words } from '../../../serve/raw-client.js';

const calls = native();
const { ENOTSUP } = constants.errno;

/** Commands of a server. */
export const DMA_READ = 11;
export const DMA_WRITE = 12;
const REPLY = 1;
const ERROR = 0x20;
const TRIGGER_BIND = 0x24;

/** A message of the client. */
export interface Message {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly payload: Buffer;
  readonly fds: readonly number[];
}

/**
 * A vfio-user server for one client. The server encodes its messages itself, by the tables of the
 * protocol's description. The device has configuration space, three pages of BAR 0, one INTx and four
 * MSI-X vectors.
 */
export class FakeDevice {
  readonly config = Buffer.alloc(256);
  readonly bar = Buffer.alloc(3 * PAGE_SIZE);
  /** The descriptors that the client has sent with DMA_MAP. */
  readonly memory: number[] = [];
  /** The eventfds of MSI-X. */
  readonly eventfds = new Map<number, number>();
  readonly #fd: number;
  readonly #stream;
  readonly #watch;
  readonly #buffer = new ArrayBuffer(2 ** 21);
  readonly #replies = new Map<number, (reply: Message) => void>();
  readonly #handle: (message: Message) => void;
  #id = 0;

  /** @param handle - handles each command of the client */
  constructor(fd: number, handle: (device: FakeDevice, message: Message) => void) {
    this.#fd = fd;
    this.#handle = (message) => {
      handle(this, message);
    };
    this.#stream = calls.streamOpen(fd, this.#buffer);
    this.#watch = calls.watchOpen(fd, () => {
      this.#receive();
    });
    calls.watchStart(this.#watch, 1);
    this.config.writeUInt16LE(0x1b36, 0);
    this.config.writeUInt16LE(0x00ff, 2);
    this.bar.writeUInt32LE(0x1234_5678, 0);
  }

  /** Answers a command as a correct server does. */
  answer(message: Message): void {
    const { command, payload } = message;
    const u32 = (at: number) => payload.readUInt32LE(at);
    if (command === COMMANDS.version) {
      const json = '{"capabilities":{"max_msg_fds":2,"max_data_xfer_size":1048576}}\0';
      this.reply(message, Buffer.concat([words(1 << 16), Buffer.from(json)]));
    } else if (command === COMMANDS.getInfo) {
      this.reply(message, words(16, 3, 9, 5));
    } else if (command === COMMANDS.getRegionInfo) {
      const size = { 0: this.bar.length, 7: this.config.length }[u32(8)] ?? 0;
      this.reply(message, words(32, size > 0 ? 3 : 0, u32(8), 0, BigInt(size), 0n));
    } else if (command === COMMANDS.getIrqInfo) {
      this.reply(message, words(16, 1, u32(8), { 0: 1, 2: 4 }[u32(8)] ?? 0));
    } else if (command === COMMANDS.regionRead) {
      const at = Number(payload.readBigUInt64LE(0));
      const bytes = this.#region(u32(8)).subarray(at, at + u32(12));
      this.reply(message, Buffer.concat([payload.subarray(0, 16), bytes]));
    } else if (command === COMMANDS.regionWrite) {
      payload.copy(this.#region(u32(8)), Number(payload.readBigUInt64LE(0)), 16);
      this.reply(message, payload.subarray(0, 16));
    } else if (command === COMMANDS.setIrqs) {
      this.#setIrqs(message);
    } else if (command === COMMANDS.dmaMap) {
      this.memory.push(...message.fds);
      this.reply(message);
    } else if (command === COMMANDS.dmaUnmap) {
      this.reply(message, payload);
    } else if (command === COMMANDS.reset) {
      this.reply(message);
    } else {
      this.replyError(message, ENOTSUP);
    }
  }

  reply(
    { id, command }: Pick<Message, 'id' | 'command'>,
    payload: Uint8Array = new Uint8Array(0),
    fds?: number[],
  ) {
    this.sendBytes(Buffer.concat([header(id, command, 16 + payload.length, REPLY), payload]), fds);
  }

  replyError({ id, command }: Message, errno: number): void {
    const bytes = header(id, command, 16, REPLY | ERROR);
    bytes.writeUInt32LE(errno, 12);
    this.sendBytes(bytes);
  }

  /**
   * Sends a command to the client.
   *
   * @param onReply - receives the reply
   * @param before - bytes that are sent together with the command, before the command
   */
  command(
    command: number,
    payload: Uint8Array,
    onReply: (reply: Message) => void,
    before = Buffer.alloc(0),
  ): void {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    this.#replies.set(id, onReply);
    this.sendBytes(Buffer.concat([before, header(id, command, 16 + payload.length), payload]));
  }

  /** Sends bytes that need not be a message. */
  sendBytes(bytes: Uint8Array, fds?: readonly number[]): void {
    try {
      calls.streamSend(this.#stream, bytes, bytes.length, fds);
    } catch {
      // The client has closed the connection.
    }
  }

  /** Stops reading. */
  pause(): void {
    calls.watchStop(this.#watch);
  }

  close(): void {
    calls.watchClose(this.#watch);
    calls.streamClose(this.#stream);
    calls.close(this.#fd);
  }

  #region(index: number): Buffer {
    return index === 7 ? this.config : this.bar;
  }

  #setIrqs(message: Message): void {
    const [flags, start] = [message.payload.readUInt32LE(4), message.payload.readUInt32LE(12)];
    if (flags === TRIGGER_BIND) {
      for (const [i, fd] of message.fds.entries()) this.eventfds.set(start + i, fd);
    }
    this.reply(message);
  }

  #receive(): void {
    let size = -1;
    try {
      size = calls.streamReceive(this.#stream);
    } catch {
      // The client has closed the connection with unread messages.
    }
    if (size < 0) {
      this.close();
      return;
    }
    const fds = size > 0 ? calls.streamTakeFds(this.#stream) : [];
    for (let at = 0; at < size;) {
      const view = new DataView(this.#buffer, at);
      const length = view.getUint32(4, true);
      const message = {
        id: view.getUint16(0, true),
        command: view.getUint16(2, true),
        flags: view.getUint32(8, true),
        payload: Buffer.from(this.#buffer.slice(at + 16, at + length)),
        fds: at + length === size ? fds : [],
      };
      at += length;
      if ((message.flags & 0xf) === REPLY) this.#replies.get(message.id)?.(message);
      else this.#handle(message);
    }
  }
}
