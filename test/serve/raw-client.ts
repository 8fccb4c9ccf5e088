/**
 * A vfio-user client that encodes its messages itself, by the tables of the protocol's description.
 * The client therefore also tests the encoding of the library.
 */
import { once, EventEmitter } from 'node:events';
import { native } from '../../lib/native/binding.js';

const calls = native();

export const COMMANDS = {
  version: 1,
  dmaMap: 2,
  dmaUnmap: 3,
  getInfo: 4,
  getRegionInfo: 5,
  getRegionIoFds: 6,
  getIrqInfo: 7,
  setIrqs: 8,
  regionRead: 9,
  regionWrite: 10,
  reset: 13,
  dirtyPages: 14,
  writeMulti: 15,
  feature: 16,
} as const;

export const NO_REPLY = 0x10;
const IS_REPLY = 1;
const IS_ERROR = 0x20;

/** The JSON that QEMU 11.1 sends. */
const QEMU_CAPABILITIES =
  '{"capabilities": {"pgsizes": 4096, "max_msg_fds": 16, "max_dma_maps": 65535, ' +
  '"max_data_xfer_size": 1048576, "migration": {"max_bitmap_size": 268435456, "pgsize": 4096}, ' +
  '"write_multiple": true}}';

export interface Reply {
  readonly id: number;
  readonly command: number;
  readonly errno: number;
  readonly payload: Buffer;
  readonly fds: readonly number[];
}

/** Encodes numbers: a number as u32, a bigint as u64. */
export function words(...values: readonly (number | bigint)[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4);
      if (typeof value === 'bigint') bytes.writeBigUInt64LE(value);
      else bytes.writeUInt32LE(value);
      return bytes;
    }),
  );
}

export function header(id: number, command: number, size: number, flags = 0): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(id, 0);
  bytes.writeUInt16LE(command, 2);
  bytes.writeUInt32LE(size, 4);
  bytes.writeUInt32LE(flags, 8);
  return bytes;
}

export class RawClient {
  readonly #buffer = new ArrayBuffer(2 ** 21);
  readonly #fd: number;
  readonly #stream;
  readonly #watch;
  readonly #events = new EventEmitter<{ change: [] }>();
  readonly #replies: Reply[] = [];
  #nextId = 1;
  #isOpen = true;
  /** Whether the server has closed the connection. */
  ended = false;

  constructor(path: string) {
    this.#fd = calls.socketConnect(path);
    this.#stream = calls.streamOpen(this.#fd, this.#buffer);
    this.#watch = calls.watchOpen(this.#fd, () => {
      this.#receive();
    });
    calls.watchStart(this.#watch, 1);
  }

  /** Connects, and negotiates like QEMU. */
  static async negotiated(path: string): Promise<RawClient> {
    const client = new RawClient(path);
    await client.negotiate();
    return client;
  }

  negotiate(capabilities = QEMU_CAPABILITIES): Promise<Reply> {
    const json = Buffer.from(`${capabilities}\0`);
    return this.request(COMMANDS.version, Buffer.concat([words(0), json]));
  }

  /** Sends bytes that need not be a message. */
  sendBytes(bytes: Uint8Array, fds?: readonly number[]): void {
    if (!calls.streamSend(this.#stream, bytes, bytes.length, fds))
      throw new Error('socket is full');
  }

  /** Sends a command. @returns its id */
  send(command: number, payload: Uint8Array = Buffer.alloc(0), fds?: readonly number[], flags = 0) {
    const id = this.#nextId++ & 0xffff;
    const bytes = Buffer.concat([header(id, command, 16 + payload.length, flags), payload]);
    this.sendBytes(bytes, fds);
    return id;
  }

  /** Waits for the next reply. */
  async reply(): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.ended) throw new Error('the server closed the connection');
      await once(this.#events, 'change');
    }
  }

  /** Sends a command, and waits for its reply. */
  async request(command: number, payload?: Uint8Array, fds?: readonly number[]): Promise<Reply> {
    const id = this.send(command, payload, fds);
    const reply = await this.reply();
    if (reply.id !== id || reply.command !== command) {
      throw new Error(`reply to ${reply.command} (${reply.id}) instead of ${command} (${id})`);
    }
    return reply;
  }

  /** Waits until the server has closed the connection. */
  async waitForEnd(): Promise<void> {
    while (!this.ended) await once(this.#events, 'change');
  }

  async read(region: number, offset: number | bigint, count: number): Promise<Buffer> {
    const reply = await this.request(COMMANDS.regionRead, words(BigInt(offset), region, count));
    if (reply.errno !== 0) throw new Error(`read failed with ${reply.errno}`);
    return reply.payload.subarray(16);
  }

  write(region: number, offset: number | bigint, data: Uint8Array): Promise<Reply> {
    const fields = words(BigInt(offset), region, data.length);
    return this.request(COMMANDS.regionWrite, Buffer.concat([fields, data]));
  }

  /** Writes without a reply, as QEMU writes BARs. */
  post(region: number, offset: number | bigint, data: Uint8Array): void {
    const fields = words(BigInt(offset), region, data.length);
    this.send(COMMANDS.regionWrite, Buffer.concat([fields, data]), undefined, NO_REPLY);
  }

  mapDma(fd: number | undefined, offset: bigint, iova: bigint, size: bigint, flags = 3) {
    const payload = words(32, flags, offset, iova, size);
    return this.request(COMMANDS.dmaMap, payload, fd === undefined ? undefined : [fd]);
  }

  unmapDma(iova: bigint, size: bigint, flags = 0): Promise<Reply> {
    return this.request(COMMANDS.dmaUnmap, words(24, flags, iova, size));
  }

  setIrqs(
    index: number,
    flags: number,
    start: number,
    count: number,
    fds?: readonly number[],
    bools = Buffer.alloc(0),
  ): Promise<Reply> {
    const payload = Buffer.concat([words(20, flags, index, start, count), bools]);
    return this.request(COMMANDS.setIrqs, payload, fds);
  }

  /** Stops reading replies. */
  pause(): void {
    calls.watchStop(this.#watch);
  }

  resume(): void {
    calls.watchStart(this.#watch, 1);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    calls.watchClose(this.#watch);
    calls.streamClose(this.#stream);
    calls.close(this.#fd);
    for (const { fds } of this.#replies) for (const fd of fds) calls.close(fd);
  }

  #receive(): void {
    let size = -1;
    try {
      size = calls.streamReceive(this.#stream);
    } catch {
      // The server has closed the connection with unread messages.
    }
    if (size < 0) {
      this.ended = true;
      calls.watchStop(this.#watch);
    }
    const fds = size > 0 ? calls.streamTakeFds(this.#stream) : [];
    for (let at = 0; at < size;) {
      const view = new DataView(this.#buffer, at);
      const length = view.getUint32(4, true);
      const flags = view.getUint32(8, true);
      if ((flags & 0xf) !== IS_REPLY) throw new Error('the server sent a command');
      this.#replies.push({
        id: view.getUint16(0, true),
        command: view.getUint16(2, true),
        errno: (flags & IS_ERROR) === 0 ? 0 : view.getUint32(12, true),
        payload: Buffer.from(this.#buffer.slice(at + 16, at + length)),
        fds: at + length === size ? fds : [],
      });
      at += length;
    }
    this.#events.emit('change');
  }
}
