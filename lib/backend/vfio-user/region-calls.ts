import { checkInteger, checkU32 } from '../../checks.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import { VFIO_USER_REGION_READ, VFIO_USER_REGION_WRITE } from '../../vfio-user/protocol.js';
import type { Regions } from './regions.js';
import type { Session } from './session.js';

/** Bytes of the fields offset, region and count of an access. */
const FIELDS = 16;

/**
 * The accesses to regions by messages. Each access of up to 8 bytes is one message. The server replies
 * after the access, so the errors of writes are reported.
 */
export class RegionCalls {
  readonly #session: Session;
  readonly #regions: Regions;
  readonly #maxTransfer: number;

  /** @param maxTransfer - the largest number of bytes in one message */
  constructor(session: Session, regions: Regions, maxTransfer: number) {
    this.#session = session;
    this.#regions = regions;
    this.#maxTransfer = maxTransfer;
  }

  /**
   * Reads a part of a region, as pread() of the kernel does.
   * @returns the number of bytes read
   */
  read(region: number, offset: number, into: Uint8Array): number {
    const length = this.#clip(region, offset, into.length);
    let done = 0;
    while (done < length) {
      const count = Math.min(length - done, this.#maxTransfer);
      const read = this.#readMessage(region, offset + done, into.subarray(done, done + count));
      done += read;
      if (read < count) break;
    }
    return done;
  }

  /** Writes a part of a region. @returns the number of bytes written */
  write(region: number, offset: number, from: Uint8Array): number {
    const length = this.#clip(region, offset, from.length);
    for (let done = 0; done < length;) {
      const count = Math.min(length - done, this.#maxTransfer);
      const draft = this.#start(VFIO_USER_REGION_WRITE, region, offset + done, count);
      draft.setBytes(FIELDS, from.subarray(done, done + count));
      this.#session.exchange(0);
      done += count;
    }
    return length;
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    this.#checkRegister(region, offset, width, 'pread');
    this.#start(VFIO_USER_REGION_READ, region, offset, width);
    const reply = this.#session.exchange(FIELDS + width);
    if (width === 4) return reply.u32(FIELDS);
    return width === 2 ? reply.u16(FIELDS) : reply.u8(FIELDS);
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#checkRegister(region, offset, width, 'pwrite');
    const draft = this.#start(VFIO_USER_REGION_WRITE, region, offset, width);
    if (width === 4) draft.setU32(FIELDS, value);
    else if (width === 2) draft.setU16(FIELDS, value);
    else draft.setU8(FIELDS, value);
    this.#session.exchange(0);
  }

  load64(region: number, offset: number): bigint {
    this.#start(VFIO_USER_REGION_READ, region, offset, 8);
    return this.#session.exchange(FIELDS + 8).u64(FIELDS);
  }

  store64(region: number, offset: number, value: bigint): void {
    this.#start(VFIO_USER_REGION_WRITE, region, offset, 8).setU64(FIELDS, value);
    this.#session.exchange(0);
  }

  #start(command: number, region: number, offset: number, count: number) {
    const data = command === VFIO_USER_REGION_WRITE ? count : 0;
    const draft = this.#session.start(command, FIELDS + data);
    return draft.setU53(0, offset).setU32(8, region).setU32(12, count);
  }

  #readMessage(region: number, offset: number, into: Uint8Array): number {
    this.#start(VFIO_USER_REGION_READ, region, offset, into.length);
    const reply = this.#session.exchange(FIELDS);
    const count = reply.payloadSize - FIELDS;
    if (count > into.length)
      this.#session.refuse(`the server read ${count} bytes, not ${into.length}`);
    into.set(reply.bytes(FIELDS, count));
    return count;
  }

  #checkRegister(region: number, offset: number, width: number, syscall: string): void {
    if (this.#clip(region, offset, width) === width) return;
    throw new VfioError({ code: 'EIO', syscall });
  }

  /**
   * Returns the number of bytes of an access that are inside the region.
   * @throws {@link VfioError} EINVAL beyond the end of a region; EFAULT for an access that exceeds
   *   configuration space, as in the kernel
   */
  #clip(region: number, offset: number, length: number): number {
    checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
    checkU32(region, 'region');
    if (length === 0) return 0;
    const { size } = this.#regions.get(region);
    if (offset + length <= size) return length;
    if (region === VFIO_PCI_CONFIG_REGION_INDEX) throw new VfioError({ code: 'EFAULT' });
    if (offset >= size) throw new VfioError({ code: 'EINVAL' });
    return size - offset;
  }
}
