import type { Eventfd, IrqSet } from '../../contract/index.js';
import { checkInteger, checkObject } from '../../checks.js';
import { checkIrqSet } from '../../contract/irq-request.js';
import { KernelEventfd } from './eventfd.js';

/** Size of struct vfio_irq_set without its data, in bytes. */
const HEADER = 20;
/**
 * Maximum number of data bytes that the kernel reads: 4 bytes for each of the 2048 MSI-X vectors.
 */
const DATA_MAX = 2048 * 4;
const S32_MIN = -(2 ** 31);
const S32_MAX = 2 ** 31 - 1;

export interface EncodedIrqSet {
  readonly argsz: number;
  /**
   * The bytes after the header. The array is filled with zeros after the data, so the kernel never
   * reads beyond the array.
   */
  readonly data: Uint8Array;
}

/**
 * Encodes struct vfio_irq_set. Each eventfd is encoded as an s32, and each bool is encoded as a
 * byte. If the caller passes an `argsz`, the value is sent unchanged. If `argsz` is larger than the
 * header and the data, the rest is filled with zeros.
 *
 * @throws {@link VfioError} EBADF if an eventfd is closed; TypeError if an eventfd is a mock
 *   eventfd
 */
export function encodeIrqSet(set: IrqSet): EncodedIrqSet {
  checkIrqSet(set);
  const encoded =
    set.eventfds === undefined ? encodeBools(set.bools ?? []) : encodeEventfds(set.eventfds);
  if (set.argsz === undefined) return { argsz: HEADER + encoded.length, data: encoded };
  const announced = Math.min(set.argsz - HEADER, DATA_MAX);
  if (announced <= encoded.length) return { argsz: set.argsz, data: encoded };
  const data = new Uint8Array(announced);
  data.set(encoded);
  return { argsz: set.argsz, data };
}

function encodeEventfds(eventfds: readonly (Eventfd | null | number)[]): Uint8Array {
  const data = new Uint8Array(eventfds.length * 4);
  const view = new DataView(data.buffer);
  eventfds.forEach((eventfd, i) => {
    view.setInt32(i * 4, fdOf(eventfd), true);
  });
  return data;
}

/** Returns the file descriptor that an ioctl receives for an eventfd. Returns -1 for null. */
export function fdOf(eventfd: Eventfd | null | number): number {
  if (eventfd === null) return -1;
  if (typeof eventfd === 'number') {
    checkInteger(eventfd, 'eventfd', S32_MIN, S32_MAX);
    return eventfd;
  }
  if (eventfd instanceof KernelEventfd) return eventfd.requireFd();
  checkObject(eventfd, 'eventfd');
  const { fd } = eventfd;
  if (typeof fd !== 'number') {
    throw new TypeError(
      'the eventfd has no file descriptor: create it by createEventfd() of the device',
    );
  }
  checkInteger(fd, 'fd of the eventfd', 0, S32_MAX);
  return fd;
}

function encodeBools(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}
