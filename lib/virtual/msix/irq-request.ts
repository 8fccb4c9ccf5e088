import type { Eventfd, IrqSet } from '../../contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_NUM_IRQS,
} from '../../contract/uapi.js';
import { checkInteger } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { VfioError } from '../../errors.js';

/** sizeof(struct vfio_irq_set) without its data. */
const HEADER = 20;
const U32_MAX = 2 ** 32 - 1;
const DATA = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD;
const ACTIONS = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER;
/** Bytes of data for a vector, by its type. */
const DATA_SIZE = new Map([
  [VFIO_IRQ_SET_DATA_NONE, 0],
  [VFIO_IRQ_SET_DATA_BOOL, 1],
  [VFIO_IRQ_SET_DATA_EVENTFD, 4],
]);

export function fail(code: string): never {
  throw new VfioError({ code, syscall: 'VFIO_DEVICE_SET_IRQS' });
}

/** A SET_IRQS that passed the checks that all indexes have in common. */
export interface IrqRequest {
  readonly start: number;
  readonly count: number;
  readonly type: number;
  /** Data of the i-th vector; what is missing reads as zero bytes. */
  readonly bool: (i: number) => boolean;
  readonly eventfd: (i: number) => Eventfd | null | number;
}

/**
 * The checks of vfio_set_irqs_validate_and_prepare() and of the action, in the kernel's order.
 *
 * @param vectors - how many the index has
 * @throws TypeError and RangeError for what is no struct vfio_irq_set
 * @throws {@link VfioError} EINVAL, ENOTTY
 */
export function validate(set: IrqSet, vectors: number): IrqRequest {
  checkFields(set);
  const { index, flags, start, count, bools = [], eventfds = [] } = set;
  const given = set.eventfds === undefined ? bools.length : eventfds.length * 4;
  const argsz = set.argsz ?? HEADER + given;
  const size = DATA_SIZE.get(flags & DATA);
  if (argsz < HEADER || index >= VFIO_PCI_NUM_IRQS) fail('EINVAL');
  if (count >= U32_MAX - start || (flags & ~(DATA | ACTIONS)) !== 0) fail('EINVAL');
  if (start >= vectors || start + count > vectors) fail('EINVAL');
  if (size === undefined || argsz - HEADER < count * size) fail('EINVAL');
  if ((flags & ACTIONS) !== VFIO_IRQ_SET_ACTION_TRIGGER) fail('ENOTTY');
  return {
    start,
    count,
    type: flags & DATA,
    bool: (i) => (bools[i] ?? 0) !== 0,
    eventfd: (i) => eventfds[i] ?? (i < eventfds.length ? null : 0),
  };
}

function checkFields(set: IrqSet): void {
  for (const field of ['index', 'flags', 'start', 'count'] as const) {
    checkInteger(set[field], field, 0, U32_MAX);
  }
  if (set.argsz !== undefined) checkInteger(set.argsz, 'argsz', 0, U32_MAX);
  for (const value of set.bools ?? []) checkInteger(value, 'bool', 0, 255);
  for (const value of set.eventfds ?? []) {
    if (typeof value === 'number') checkInteger(value, 'eventfd', -(2 ** 31), 2 ** 31 - 1);
    else if (value !== null) checkEventfd(value, 'eventfd');
  }
}
