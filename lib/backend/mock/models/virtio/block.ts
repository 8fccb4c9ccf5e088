import type { DeviceHost } from '../../hardware/model.js';
import { type Chain, QueueError } from './queue.js';

/** The types and the results of requests: section 5.2.6. */
const VIRTIO_BLK_T_IN = 0;
const VIRTIO_BLK_T_OUT = 1;
const VIRTIO_BLK_T_FLUSH = 4;
const VIRTIO_BLK_T_GET_ID = 8;
const VIRTIO_BLK_S_OK = 0;
const VIRTIO_BLK_S_IOERR = 1;
const VIRTIO_BLK_S_UNSUPP = 2;
const HEADER = 16;
const ID_BYTES = 20;
const SECTOR = 512;
/** Bytes of the largest request. The device allocates memory for a whole request. */
const REQUEST_MAX = 64 * 2 ** 20;
/** Capacity in sectors: 64 MiB. */
export const CAPACITY = 131_072;
const ID = Buffer.from('vfio-mock'.padEnd(ID_BYTES, '\0'));

/** A disk in memory. Sectors that were never written use no memory. */
export class Disk {
  readonly #sectors = new Map<number, Uint8Array>();

  /**
   * Runs a request.
   *
   * @returns the number of bytes that the device has written
   * @throws QueueError if the request has no header or no status byte
   */
  run(host: DeviceHost, { readable, writable }: Chain): number {
    const sizeOf = (sum: number, { length }: { length: number }) => sum + length;
    const room = writable.reduce(sizeOf, 0);
    if (readable.reduce(sizeOf, room) > REQUEST_MAX) {
      throw new QueueError(`a request has more than ${REQUEST_MAX} bytes`);
    }
    const request = Buffer.concat(
      readable.map(({ address, length }) => {
        const bytes = new Uint8Array(length);
        host.dmaRead(address, bytes);
        return bytes;
      }),
    );
    if (request.length < HEADER) throw new QueueError('a request has no header of 16 bytes');
    if (room === 0) throw new QueueError('a request has no byte for the status');
    const type = request.readUInt32LE(0);
    const sector = request.readBigUInt64LE(8);
    const { status, data = new Uint8Array() } = this.#execute(type, sector, request, room - 1);
    // The status is the last byte that the device can write.
    const answer = new Uint8Array(room);
    answer.set(data);
    answer[room - 1] = status;
    let done = 0;
    for (const { address, length } of writable) {
      const part = answer.subarray(done, done + length);
      const isLast = done + length === room;
      // Bytes after the data stay as they are, except the status.
      const kept = Math.max(0, Math.min(length, data.length - done));
      if (kept > 0) host.dmaWrite(address, part.subarray(0, kept));
      if (isLast) host.dmaWrite(address + BigInt(length - 1), part.subarray(length - 1));
      done += length;
    }
    return data.length + 1;
  }

  #execute(
    type: number,
    sector: bigint,
    request: Buffer,
    room: number,
  ): { readonly status: number; readonly data?: Uint8Array } {
    const payload = request.subarray(HEADER);
    const length = type === VIRTIO_BLK_T_OUT ? payload.length : room;
    switch (type) {
      case VIRTIO_BLK_T_FLUSH:
        return { status: VIRTIO_BLK_S_OK };
      case VIRTIO_BLK_T_GET_ID:
        return { status: VIRTIO_BLK_S_OK, data: ID.subarray(0, room) };
      case VIRTIO_BLK_T_IN:
      case VIRTIO_BLK_T_OUT:
        if (length % SECTOR !== 0 || sector + BigInt(length / SECTOR) > BigInt(CAPACITY)) {
          return { status: VIRTIO_BLK_S_IOERR };
        }
        if (type === VIRTIO_BLK_T_IN) {
          return { status: VIRTIO_BLK_S_OK, data: this.#read(Number(sector), length) };
        }
        this.#write(Number(sector), payload);
        return { status: VIRTIO_BLK_S_OK };
      default:
        return { status: VIRTIO_BLK_S_UNSUPP };
    }
  }

  #read(first: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length / SECTOR; i++) {
      const sector = this.#sectors.get(first + i);
      if (sector !== undefined) bytes.set(sector, i * SECTOR);
    }
    return bytes;
  }

  #write(first: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length / SECTOR; i++) {
      this.#sectors.set(first + i, bytes.slice(i * SECTOR, (i + 1) * SECTOR));
    }
  }
}
