import { type Interval, Intervals } from '../../contract/intervals.js';
import { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } from '../../contract/uapi.js';
import { U64_MAX } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Draft } from '../../vfio-user/draft.js';
import {
  commandName,
  MAX_TRANSFER,
  VFIO_USER_DMA_READ,
  VFIO_USER_DMA_WRITE,
} from '../../vfio-user/protocol.js';
import type { ReceivedMessages } from '../../vfio-user/received-messages.js';
import type { SharedMemory } from './memory.js';

/** Bytes of the fields address and count. */
const FIELDS = 16;

/** A part of a memory that the device can reach. */
export interface Mapping extends Interval {
  readonly memory: SharedMemory;
  /** Bytes from the start of the memory. */
  readonly offset: number;
  /** VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE or both. */
  readonly flags: number;
}

/**
 * The DMA mappings of a device. A server that does not map the memory itself reads and writes the
 * memory by commands.
 */
export class DmaMappings {
  readonly #mappings = new Intervals<Mapping>();
  readonly #pinned = new Set<Mapping>();

  get count(): number {
    return this.#mappings.count;
  }

  overlaps(range: Interval): boolean {
    return this.#mappings.overlaps(range);
  }

  add(mapping: Mapping): Mapping {
    mapping.memory.pin();
    this.#pinned.add(mapping);
    this.#mappings.add(mapping);
    return mapping;
  }

  /** Idempotent. */
  remove(mapping: Mapping): void {
    if (!this.#pinned.delete(mapping)) return;
    this.#mappings.remove(mapping);
    mapping.memory.unpin();
  }

  clear(): void {
    for (const mapping of this.#pinned) this.remove(mapping);
  }

  /**
   * Returns the mappings that an unmap removes.
   *
   * @param all - whether every mapping is removed; the range must then be empty
   * @returns null for a range that the kernel refuses
   */
  select(iova: bigint, size: bigint, all: boolean): Mapping[] | null {
    if (all) return iova === 0n && size === 0n ? this.#mappings.all() : null;
    const range = { iova, size };
    const isInvalid = size === 0n || iova + size - 1n > U64_MAX || this.#mappings.isSplitBy(range);
    return isInvalid ? null : this.#mappings.within(range);
  }

  /**
   * Handles VFIO_USER_DMA_READ and VFIO_USER_DMA_WRITE of the server.
   *
   * @throws {@link VfioError} ENOTSUP for another command; EINVAL or E2BIG for a wrong size; EFAULT
   *   if the device cannot reach the memory
   */
  handle(received: ReceivedMessages, reply: Draft): void {
    const { command, payloadSize } = received;
    const isWrite = command === VFIO_USER_DMA_WRITE;
    if (!isWrite && command !== VFIO_USER_DMA_READ) fail('ENOTSUP', command);
    if (payloadSize < FIELDS) fail('EINVAL', command);
    const [iova, count] = [received.u64(0), received.u53(8)];
    if (count > MAX_TRANSFER) fail('E2BIG', command);
    if (payloadSize !== FIELDS + (isWrite ? count : 0)) fail('EINVAL', command);
    reply.startReply(received, FIELDS + (isWrite ? 0 : count));
    reply.setU64(0, iova).setU53(8, count);
    const bytes = isWrite ? received.bytes(FIELDS, count) : reply.payload(FIELDS, count);
    if (!this.#copy(iova, bytes, isWrite)) fail('EFAULT', command);
  }

  /** Copies bytes, which can be in several mappings. @returns false if a mapping is missing */
  #copy(iova: bigint, bytes: Uint8Array, isWrite: boolean): boolean {
    const access = isWrite ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ;
    for (let done = 0; done < bytes.length;) {
      const address = iova + BigInt(done);
      const mapping = this.#mappings.at(address);
      if (mapping === undefined || (mapping.flags & access) === 0) return false;
      const skipped = Number(address - mapping.iova);
      const length = Math.min(bytes.length - done, Number(mapping.size) - skipped);
      const part = bytes.subarray(done, done + length);
      const { backing } = mapping.memory;
      const at = mapping.offset + skipped;
      const isDone = isWrite ? backing.write(at, part) : backing.read(at, part);
      if (!isDone) return false;
      done += length;
    }
    return true;
  }
}

function fail(code: string, command: number): never {
  throw new VfioError({ code, syscall: commandName(command) });
}
