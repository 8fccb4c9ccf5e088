import type { DeviceHost } from '../../hardware/model.js';

/** Bytes of a descriptor, and its flags: section 2.7.5. */
const DESCRIPTOR = 16;
const VRING_DESC_F_NEXT = 1;
const VRING_DESC_F_WRITE = 2;
/** The flag by which a driver suppresses interrupts: section 2.7.6. */
const VRING_AVAIL_F_NO_INTERRUPT = 1;
/** Bytes of the flags and the index before the entries of both rings. */
const RING_HEADER = 4;
const USED_ELEMENT = 8;

/** The driver has built a queue that the device cannot process. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
}

/** A buffer of a request in the memory of the host. */
interface Segment {
  readonly address: bigint;
  readonly length: number;
}

/** One request: the buffers that the device reads, followed by the buffers that the device writes. */
export interface Chain {
  readonly head: number;
  readonly readable: readonly Segment[];
  readonly writable: readonly Segment[];
}

/** The addresses and the size of a queue. */
export interface QueuePlace {
  readonly size: number;
  readonly descriptors: bigint;
  readonly available: bigint;
  readonly used: bigint;
}

/** A split virtqueue: section 2.7. */
export class SplitQueue {
  readonly #host: DeviceHost;
  readonly #place: QueuePlace;
  #next = 0;
  #used = 0;

  constructor(host: DeviceHost, place: QueuePlace) {
    this.#host = host;
    this.#place = place;
  }

  /** Returns the next request of the driver, or null if the queue has none. */
  take(): Chain | null {
    const { size, available } = this.#place;
    const index = this.#read(available, RING_HEADER).getUint16(2, true);
    if (index === this.#next) return null;
    if (((index - this.#next) & 0xffff) > size) {
      throw new QueueError(`the driver added more than ${size} requests`);
    }
    const entry = available + BigInt(RING_HEADER + 2 * (this.#next % size));
    const chain = this.#follow(this.#read(entry, 2).getUint16(0, true));
    this.#next = (this.#next + 1) & 0xffff;
    return chain;
  }

  /** Returns a request to the driver. @param written - bytes that the device has written */
  give({ head }: Chain, written: number): void {
    const { size, used } = this.#place;
    const element = new DataView(new ArrayBuffer(USED_ELEMENT));
    element.setUint32(0, head, true);
    element.setUint32(4, written, true);
    this.#write(used + BigInt(RING_HEADER + USED_ELEMENT * (this.#used % size)), element);
    this.#used = (this.#used + 1) & 0xffff;
    // The driver reads the index first, so the index is written last.
    const index = new DataView(new ArrayBuffer(2));
    index.setUint16(0, this.#used, true);
    this.#write(used + 2n, index);
  }

  /** Whether the driver wants an interrupt for a completed request. */
  get wantsInterrupt(): boolean {
    const flags = this.#read(this.#place.available, 2).getUint16(0, true);
    return (flags & VRING_AVAIL_F_NO_INTERRUPT) === 0;
  }

  #follow(head: number): Chain {
    const { size, descriptors } = this.#place;
    const readable: Segment[] = [];
    const writable: Segment[] = [];
    for (let index = head, count = 1; ; count++) {
      if (index >= size) throw new QueueError(`descriptor ${index} is not in the queue`);
      if (count > size) throw new QueueError('the descriptors of a request form a loop');
      const descriptor = this.#read(descriptors + BigInt(DESCRIPTOR * index), DESCRIPTOR);
      const flags = descriptor.getUint16(12, true);
      const isWritable = (flags & VRING_DESC_F_WRITE) !== 0;
      if (!isWritable && writable.length > 0) {
        throw new QueueError('a readable buffer follows a writable buffer');
      }
      (isWritable ? writable : readable).push({
        address: descriptor.getBigUint64(0, true),
        length: descriptor.getUint32(8, true),
      });
      if ((flags & VRING_DESC_F_NEXT) === 0) return { head, readable, writable };
      index = descriptor.getUint16(14, true);
    }
  }

  #read(address: bigint, length: number): DataView {
    const bytes = new Uint8Array(length);
    this.#host.dmaRead(address, bytes);
    return new DataView(bytes.buffer);
  }

  #write(address: bigint, { buffer }: DataView): void {
    this.#host.dmaWrite(address, new Uint8Array(buffer));
  }
}
