import type { Eventfd, IrqSet } from '../../contract/index.js';
import { checkInteger, checkU32 } from '../../checks.js';
import { KernelEventfd } from './eventfd.js';

/** sizeof(struct vfio_irq_set) without its data. */
const HEADER = 20;
/** The kernel takes no data for more vectors than an MSI-X table can have, 4 bytes each. */
const DATA_MAX = 2048 * 4;
const S32_MIN = -(2 ** 31);
const S32_MAX = 2 ** 31 - 1;

export interface EncodedIrqSet {
  readonly argsz: number;
  /** What follows the header; never shorter than what the kernel reads by that argsz. */
  readonly data: Uint8Array;
}

/**
 * struct vfio_irq_set: eventfds as s32, bools as bytes. An `argsz` given is sent as it is, and the
 * data is followed by zero bytes up to it.
 *
 * @throws {@link VfioError} EBADF if an eventfd is closed; TypeError for one of another back end
 */
export function encodeIrqSet(set: IrqSet): EncodedIrqSet {
  for (const field of ['index', 'flags', 'start', 'count'] as const) checkU32(set[field], field);
  const given = set.eventfds === undefined ? bools(set.bools ?? []) : numbers(set.eventfds);
  if (set.argsz === undefined) return { argsz: HEADER + given.length, data: given };
  checkU32(set.argsz, 'argsz');
  const told = Math.min(set.argsz - HEADER, DATA_MAX);
  if (told <= given.length) return { argsz: set.argsz, data: given };
  const data = new Uint8Array(told);
  data.set(given);
  return { argsz: set.argsz, data };
}

function numbers(eventfds: readonly (Eventfd | null | number)[]): Uint8Array {
  const data = new Uint8Array(eventfds.length * 4);
  const view = new DataView(data.buffer);
  eventfds.forEach((eventfd, i) => {
    view.setInt32(i * 4, fdOf(eventfd), true);
  });
  return data;
}

/** The number that stands for an eventfd in an ioctl: null is -1. */
export function fdOf(eventfd: Eventfd | null | number): number {
  if (eventfd === null) return -1;
  if (typeof eventfd === 'number') {
    checkInteger(eventfd, 'eventfd', S32_MIN, S32_MAX);
    return eventfd;
  }
  if (eventfd instanceof KernelEventfd) return eventfd.number();
  if (eventfd.fd === null) throw new TypeError('the eventfd is not one of the kernel');
  return eventfd.fd;
}

function bools(values: readonly number[]): Uint8Array {
  for (const value of values) checkInteger(value, 'bool', 0, 255);
  return Uint8Array.from(values);
}
