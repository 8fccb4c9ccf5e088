import type { Eventfd, IrqSet } from '../../../contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../../../contract/uapi.js';
import { checkInteger, checkU32, U32_MAX } from '../../../checks.js';
import { fail } from '../machine/errno.js';
import { mockEventfd } from '../machine/eventfd.js';

export const SET_IRQS = 'VFIO_DEVICE_SET_IRQS';

/** sizeof(struct vfio_irq_set) without its data. */
const HEADER = 20;
const DATA = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD;
export const ACTIONS =
  VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER;

/** A SET_IRQS that passed the checks that are common to all indexes. */
export interface IrqRequest {
  readonly index: number;
  readonly flags: number;
  readonly start: number;
  readonly count: number;
  /** Data of the i-th vector; what is missing reads as zero bytes. */
  readonly bool: (i: number) => boolean;
  readonly eventfd: (i: number) => Eventfd | null | number;
}

/**
 * The checks of vfio_set_irqs_validate_and_prepare(), in its order.
 *
 * @param indexes - how many the device has
 * @param vectors - how many an index has
 * @throws VfioError EINVAL
 */
export function validate(
  set: IrqSet,
  indexes: number,
  vectors: (index: number) => number,
): IrqRequest {
  for (const field of ['index', 'flags', 'start', 'count'] as const) checkU32(set[field], field);
  for (const value of set.bools ?? []) checkInteger(value, 'bool', 0, 255);
  for (const value of set.eventfds ?? []) checkEventfd(value);
  if (set.argsz !== undefined) checkU32(set.argsz, 'argsz');
  const { index, flags, start, count, bools = [], eventfds = [] } = set;
  const argsz =
    set.argsz ?? HEADER + (set.eventfds === undefined ? bools.length : eventfds.length * 4);

  if (argsz < HEADER || index >= indexes) fail('EINVAL', SET_IRQS);
  if (count >= U32_MAX - start || (flags & ~(DATA | ACTIONS)) !== 0) fail('EINVAL', SET_IRQS);
  const available = vectors(index);
  if (start >= available || start + count > available) fail('EINVAL', SET_IRQS);
  if (argsz - HEADER < count * dataSize(flags & DATA)) fail('EINVAL', SET_IRQS);
  return {
    index,
    flags,
    start,
    count,
    bool: (i) => (bools[i] ?? 0) !== 0,
    eventfd: (i) => eventfds[i] ?? (i < eventfds.length ? null : 0),
  };
}

function checkEventfd(value: Eventfd | null | number): void {
  if (typeof value === 'number') checkInteger(value, 'eventfd', -(2 ** 31), 2 ** 31 - 1);
  else if (value !== null) mockEventfd(value);
}

/** Bytes of one vector's data. */
function dataSize(type: number): number {
  switch (type) {
    case VFIO_IRQ_SET_DATA_NONE:
      return 0;
    case VFIO_IRQ_SET_DATA_BOOL:
      return 1;
    case VFIO_IRQ_SET_DATA_EVENTFD:
      return 4;
    default:
      return fail('EINVAL', SET_IRQS);
  }
}
