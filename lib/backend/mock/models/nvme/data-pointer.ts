import type { DeviceHost } from '../../hardware/model.js';
import type { Command } from './command.js';
import { MAX_DATA_TRANSFER } from './limits.js';
import { refuse, Status } from './status.js';

/** A contiguous part of a command's data in the memory of the host. */
export interface Segment {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
}

const ENTRY = 8;

/**
 * Transfers the data of commands, which PRP entries describe (base specification 1.4, section 4.3).
 */
export class DataPointer {
  readonly #host: DeviceHost;
  /** Memory page size in bytes. The driver sets the page size in CC. */
  pageSize = 4096;

  constructor(host: DeviceHost) {
    this.#host = host;
  }

  /**
   * Checks the data length of a command.
   *
   * @throws CommandFailure if the length exceeds the maximum
   */
  checkLength(length: number): void {
    if (length > this.pageSize << MAX_DATA_TRANSFER) refuse(Status.INVALID_FIELD);
  }

  /** Copies bytes to the host memory to which a command points. */
  send(command: Command, bytes: Uint8Array): void {
    let done = 0;
    for (const { address, length } of this.segments(command, bytes.length)) {
      this.#host.dmaWrite(address, bytes.subarray(done, done + length));
      done += length;
    }
  }

  /**
   * Returns the segments of a command's data. `segments()` does not transfer the data.
   *
   * @throws CommandFailure if a PRP entry is not page aligned; DmaFault if a PRP list cannot be
   *   read
   */
  segments({ prp1, prp2 }: Command, length: number): Segment[] {
    const first = Math.min(length, this.pageSize - this.#offset(prp1));
    const segments = [{ address: prp1, length: first }];
    const rest = length - first;
    if (rest > this.pageSize) return [...segments, ...this.#list(prp2, rest)];
    if (rest > 0) segments.push(this.#page(prp2, rest));
    return segments;
  }

  /**
   * Reads a PRP list. The list can begin at any offset in a page. The last entry of a full list
   * points to the next list.
   */
  #list(start: bigint, length: number): Segment[] {
    const segments: Segment[] = [];
    let pointer = start;
    let rest = length;
    while (rest > 0) {
      if (pointer % BigInt(ENTRY) !== 0n) refuse(Status.PRP_OFFSET_INVALID);
      const room = (this.pageSize - this.#offset(pointer)) / ENTRY;
      const wanted = Math.ceil(rest / this.pageSize);
      const entries = new BigUint64Array(Math.min(room, wanted));
      this.#host.dmaRead(pointer, new Uint8Array(entries.buffer));
      const pages = wanted > room ? entries.subarray(0, -1) : entries;
      for (const entry of pages) {
        const segment = this.#page(entry, Math.min(rest, this.pageSize));
        segments.push(segment);
        rest -= segment.length;
      }
      if (rest > 0) pointer = this.#page(entries[entries.length - 1] ?? 0n, 0).address;
    }
    return segments;
  }

  #page(address: bigint, length: number): Segment {
    if (this.#offset(address) !== 0) refuse(Status.PRP_OFFSET_INVALID);
    return { address, length };
  }

  #offset(address: bigint): number {
    return Number(address % BigInt(this.pageSize));
  }
}
