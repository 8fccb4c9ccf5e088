import type { ServableDevice } from '../contract/servable-device.js';
import {
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_REGION_INFO_FLAG_CAPS,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import * as protocol from '../vfio-user/protocol.js';
import { chainSize, REGION_INFO_SIZE, setChain } from '../vfio-user/region-info.js';
import type { Accesses } from './accesses.js';
import type { Channel } from './channel.js';
import type { GuestMemory } from './guest-memory.js';
import type { Irqs } from './irqs.js';
import type { ResetCause } from './options.js';

/** Bytes of one write in VFIO_USER_REGION_WRITE_MULTI: offset u64, region u32, length u32, data. */
const MULTI_ENTRY = 24;
/** Bytes of the fields offset, region and count of an access. */
const ACCESS_FIELDS = 16;

/** The parts of a device that the commands of a client use. */
export interface Parts {
  readonly connection: ServableDevice;
  readonly accesses: Accesses;
  readonly memory: GuestMemory;
  readonly irqs: Irqs;
  /** Resets the device in place of the library. */
  readonly reset: ((cause: ResetCause) => void | Promise<void>) | undefined;
}

/** The commands of a client, after the negotiation of the version. */
export class Commands {
  readonly #channel: Channel;
  readonly #parts: Parts;
  readonly #writeMultiple: boolean;

  /** @param writeMultiple - whether the client may send VFIO_USER_REGION_WRITE_MULTI */
  constructor(channel: Channel, parts: Parts, writeMultiple: boolean) {
    this.#channel = channel;
    this.#parts = parts;
    this.#writeMultiple = writeMultiple;
  }

  /**
   * Handles the current message of the channel, and sends the reply.
   *
   * @returns a promise if the command waits for another thread
   * @throws {@link VfioError} with the errno of the reply
   */
  run(command: number): Promise<void> | undefined {
    switch (command) {
      case protocol.VFIO_USER_REGION_WRITE:
        return this.#write();
      case protocol.VFIO_USER_REGION_READ:
        this.#read();
        break;
      case protocol.VFIO_USER_REGION_WRITE_MULTI:
        this.#writeMulti();
        break;
      case protocol.VFIO_USER_DMA_MAP:
        return this.#mapDma();
      case protocol.VFIO_USER_DMA_UNMAP:
        this.#unmapDma();
        break;
      case protocol.VFIO_USER_DEVICE_GET_INFO:
        this.#getInfo();
        break;
      case protocol.VFIO_USER_DEVICE_GET_REGION_INFO:
        this.#getRegionInfo();
        break;
      case protocol.VFIO_USER_DEVICE_GET_IRQ_INFO:
        this.#getIrqInfo();
        break;
      case protocol.VFIO_USER_DEVICE_SET_IRQS:
        this.#setIrqs();
        break;
      case protocol.VFIO_USER_DEVICE_RESET:
        return this.#reset();
      default:
        fail('ENOTSUP', command);
    }
    return undefined;
  }

  #write(): Promise<void> | undefined {
    const message = this.#channel.received;
    const length = this.#requireFields(ACCESS_FIELDS) - ACCESS_FIELDS;
    const offset = message.u53(0);
    const region = message.u32(8);
    if (message.u32(12) !== length) fail('EINVAL', message.command);
    if (region === VFIO_PCI_CONFIG_REGION_INDEX) return this.#writeConfig(offset, length);
    this.#parts.accesses.write(region, offset, message, ACCESS_FIELDS, length);
    if (this.#channel.wantsReply) this.#replyToWrite();
    return undefined;
  }

  #replyToWrite(): void {
    const { received } = this.#channel;
    this.#channel.startReply(ACCESS_FIELDS).setBytes(0, received.bytes(0, ACCESS_FIELDS));
    this.#channel.sendReply();
  }

  #writeConfig(offset: number, length: number): Promise<void> | undefined {
    const { accesses, connection, reset } = this.#parts;
    const region = VFIO_PCI_CONFIG_REGION_INDEX;
    const bytes = this.#channel.received.bytes(ACCESS_FIELDS, length);
    const isReset = accesses.startsReset(offset, bytes);
    // The device resets itself if the device receives the write.
    const isResetHere =
      isReset && (reset !== undefined || !accesses.reachesDevice(region, offset, length));
    accesses.writeBytes(region, offset, bytes, !isResetHere);
    if (!isResetHere) {
      this.#replyToWrite();
      return undefined;
    }
    return resetDevice(connection, reset, 'flr').then(() => {
      this.#replyToWrite();
    });
  }

  #read(): void {
    const message = this.#channel.received;
    this.#requireFields(ACCESS_FIELDS);
    const count = message.u32(12);
    if (count > protocol.MAX_TRANSFER) fail('E2BIG', message.command);
    const draft = this.#channel.startReply(ACCESS_FIELDS + count);
    const into = draft.payload(ACCESS_FIELDS, count);
    const done = this.#parts.accesses.read(message.u32(8), message.u53(0), into);
    draft.setBytes(0, message.bytes(0, ACCESS_FIELDS)).setU32(12, done);
    draft.shorten(ACCESS_FIELDS + done);
    this.#channel.sendReply();
  }

  #writeMulti(): void {
    const message = this.#channel.received;
    if (!this.#writeMultiple) fail('ENOTSUP', message.command);
    const size = this.#requireFields(8);
    const count = message.u53(0);
    if (count * MULTI_ENTRY !== size - 8) fail('EINVAL', message.command);
    for (let at = 8; at < size; at += MULTI_ENTRY) {
      const length = message.u32(at + 12);
      const region = message.u32(at + 8);
      if (length > 8 || region === VFIO_PCI_CONFIG_REGION_INDEX) fail('EINVAL', message.command);
      this.#parts.accesses.write(region, message.u53(at), message, at + ACCESS_FIELDS, length);
    }
    this.#channel.startReply(8).setBytes(0, message.bytes(0, 8));
    this.#channel.sendReply();
  }

  async #mapDma(): Promise<void> {
    const message = this.#channel.received;
    const fds = this.#channel.takeFds();
    try {
      this.#requireFields(32);
      if (fds.length > 1) fail('EINVAL', message.command);
      const [flags, offset] = [message.u32(4), message.u53(8)];
      const [iova, size] = [message.u64(16), message.u64(24)];
      await this.#parts.memory.map({ iova, size, flags, offset, fd: fds[0] });
    } finally {
      this.#channel.closeFds(fds);
    }
    this.#replyEmpty();
  }

  #unmapDma(): void {
    const message = this.#channel.received;
    this.#requireFields(24);
    const flags = message.u32(4);
    if ((flags & ~VFIO_DMA_UNMAP_FLAG_ALL) !== 0) fail('ENOTSUP', message.command);
    this.#parts.memory.unmap(message.u64(8), message.u64(16), flags);
    this.#channel.startReply(24).setBytes(0, message.bytes(0, 24));
    this.#channel.sendReply();
  }

  #getInfo(): void {
    const { connection, reset } = this.#parts;
    const { flags, numRegions, numIrqs } = connection.getInfo();
    const resetFlag = reset === undefined ? 0 : VFIO_DEVICE_FLAGS_RESET;
    this.#reply(16, flags | resetFlag, numRegions, numIrqs);
  }

  #getRegionInfo(): void {
    this.#requireFields(REGION_INFO_SIZE);
    const message = this.#channel.received;
    const info = this.#parts.accesses.info(message.u32(8));
    const { index, flags, size, capabilities, file } = info;
    const argsz = REGION_INFO_SIZE + chainSize(capabilities);
    // If the client has no room for the chain, the client reads argsz and asks again.
    const chain = message.u32(0) < argsz ? [] : capabilities;
    const hasChain = chain.length > 0;
    const draft = this.#channel.startReply(hasChain ? argsz : REGION_INFO_SIZE);
    draft.setU32(0, argsz).setU32(4, flags | (hasChain ? VFIO_REGION_INFO_FLAG_CAPS : 0));
    draft.setU32(8, index).setU32(12, hasChain ? REGION_INFO_SIZE : 0);
    draft.setU64(16, size).setU64(24, file?.offset ?? 0n);
    setChain(draft, chain);
    // Without the chain, the client does not know which parts of the file the client can map.
    const isComplete = chain.length === capabilities.length;
    this.#channel.sendReply(isComplete ? file?.fd : undefined);
  }

  #getIrqInfo(): void {
    this.#requireFields(16);
    const { index, flags, count } = this.#parts.irqs.info(this.#channel.received.u32(8));
    this.#reply(16, flags, index, count);
  }

  #setIrqs(): void {
    const message = this.#channel.received;
    const fds = this.#channel.takeFds();
    let command;
    try {
      const data = this.#requireFields(20) - 20;
      const [flags, index] = [message.u32(4), message.u32(8)];
      const [start, count] = [message.u32(12), message.u32(16)];
      const hasBools = (flags & VFIO_IRQ_SET_DATA_BOOL) !== 0;
      if (hasBools && data < count) fail('EINVAL', message.command);
      const bools = hasBools ? [...message.bytes(20, count)] : [];
      command = { index, flags, start, count, bools };
    } catch (error) {
      this.#channel.closeFds(fds);
      throw error;
    }
    this.#parts.irqs.set(command, fds);
    this.#replyEmpty();
  }

  async #reset(): Promise<void> {
    const { connection, reset } = this.#parts;
    await resetDevice(connection, reset, 'command');
    this.#replyEmpty();
  }

  #replyEmpty(): void {
    this.#channel.startReply(0);
    this.#channel.sendReply();
  }

  /** Replies with 32-bit numbers. */
  #reply(...fields: readonly number[]): void {
    const draft = this.#channel.startReply(4 * fields.length);
    for (const [i, field] of fields.entries()) draft.setU32(4 * i, field);
    this.#channel.sendReply();
  }

  /** Checks the size of the current message. @returns the number of bytes after the header */
  #requireFields(size: number): number {
    const { command, payloadSize } = this.#channel.received;
    if (payloadSize < size) fail('EINVAL', command);
    return payloadSize;
  }
}

async function resetDevice(
  connection: ServableDevice,
  reset: Parts['reset'],
  cause: ResetCause,
): Promise<void> {
  if (reset === undefined) await connection.reset();
  else await reset(cause);
}

function fail(code: string, command: number): never {
  throw new VfioError({ code, syscall: protocol.commandName(command) });
}
