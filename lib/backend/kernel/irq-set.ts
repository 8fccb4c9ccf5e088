import type { Eventfd, IrqSet } from '../../contract/index.js';
import { checkIrqSet } from '../../contract/irq-request.js';
import { fdOf } from '../linux/eventfd.js';

/** Size of struct vfio_irq_set without its data, in bytes. */
const HEADER = 20;
/**
 * Maximum number of data bytes that the kernel reads: 4 bytes for each of the 2048 MSI-X vectors.
 */
const DATA_MAX = 2048 * 4;

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
  // Unlike forEach(), entries() also visits the holes of a sparse array.
  for (const [i, eventfd] of eventfds.entries()) view.setInt32(i * 4, fdOf(eventfd), true);
  return data;
}

function encodeBools(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}
