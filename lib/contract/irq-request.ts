import { checkArray, checkInteger, checkOptions, checkU32, U32_MAX } from '../checks.js';
import { VfioError } from '../errors.js';
import type { Eventfd } from './eventfd.js';
import type { IrqSet } from './index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_INTX_IRQ_INDEX,
} from './uapi.js';

export const SET_IRQS = 'VFIO_DEVICE_SET_IRQS';

/** Size of struct vfio_irq_set in bytes, without the data. */
const HEADER = 20;
const IRQ_SET = ['index', 'flags', 'start', 'count', 'eventfds', 'bools', 'argsz'];
const TYPES = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD;
const ACTIONS = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER;
/** Size in bytes of the data for one vector, by data type. */
const DATA_SIZE = new Map([
  [VFIO_IRQ_SET_DATA_NONE, 0],
  [VFIO_IRQ_SET_DATA_BOOL, 1],
  [VFIO_IRQ_SET_DATA_EVENTFD, 4],
]);

/**
 * An eventfd in the data of SET_IRQS: an eventfd object, a file descriptor, or null, which means
 * -1.
 */
export type IrqEventfd = Eventfd | null | number;

/** The operations of a device on the eventfds of its SET_IRQS requests. */
export interface IrqEventfds<E> {
  /**
   * Returns the eventfd of an argument, or null if the argument means that no eventfd is bound.
   * @throws {@link VfioError} EBADF or EINVAL if the argument is not an open eventfd
   */
  of(value: IrqEventfd): E | null;
  /** Signals an eventfd. */
  raise(eventfd: E): void;
}

/** A SET_IRQS request that has passed the checks of {@link validateIrqSet}. */
export interface IrqRequest {
  readonly index: number;
  /** VFIO_IRQ_SET_DATA_NONE, _BOOL or _EVENTFD. */
  readonly type: number;
  /**
   * VFIO_IRQ_SET_ACTION_TRIGGER. For INTx, VFIO_IRQ_SET_ACTION_MASK and _UNMASK are also possible.
   */
  readonly action: number;
  /** First vector of the range. */
  readonly start: number;
  /** Number of vectors in the range. */
  readonly count: number;
  /** Returns the BOOL data of vector `start + i`, or false if the data are missing. */
  readonly bool: (i: number) => boolean;
  /** Returns the EVENTFD data of vector `start + i`, or 0 if the data are missing. */
  readonly eventfd: (i: number) => IrqEventfd;
}

/** The properties of a device that are needed to check a SET_IRQS request. */
export interface IrqIndexes {
  /** Number of interrupt indexes. */
  readonly indexes: number;
  /** Returns the number of hardware vectors of an interrupt index. */
  readonly vectors: (index: number) => number;
  /** Checks an eventfd object. @throws TypeError if the eventfd cannot be bound to a vector */
  readonly checkEventfd: (eventfd: Eventfd) => void;
}

/**
 * Checks that the fields fit into struct vfio_irq_set. The elements of `eventfds` are checked by the
 * caller.
 *
 * @throws TypeError and RangeError if a field has a wrong type or is out of range
 */
export function checkIrqSet(set: IrqSet): void {
  checkOptions(set, IRQ_SET, 'set');
  for (const field of ['index', 'flags', 'start', 'count'] as const) checkU32(set[field], field);
  const { eventfds, bools, argsz } = set;
  if (eventfds !== undefined) checkArray(eventfds, 'eventfds');
  if (bools !== undefined) checkArray(bools, 'bools');
  for (const value of bools ?? []) checkInteger(value, 'bool', 0, 255);
  if (argsz !== undefined) checkU32(argsz, 'argsz');
}

/** Throws the error for a SET_IRQS request that the kernel would refuse. */
export function failSetIrqs(code: string): never {
  throw new VfioError({ code, syscall: SET_IRQS });
}

/**
 * Checks a SET_IRQS request. The order of the checks is the order in the kernel's functions
 * vfio_set_irqs_validate_and_prepare() and vfio_pci_set_irqs_ioctl().
 *
 * @throws TypeError and RangeError if the fields do not fit into struct vfio_irq_set
 * @throws {@link VfioError} EINVAL if the kernel would refuse the index, the range, the flags or
 *   the size
 * @throws {@link VfioError} ENOTTY if the index does not support the action
 */
export function validateIrqSet(set: IrqSet, device: IrqIndexes): IrqRequest {
  checkIrqSet(set);
  for (const value of set.eventfds ?? []) {
    if (typeof value === 'number') checkInteger(value, 'eventfd', -(2 ** 31), 2 ** 31 - 1);
    else if (value !== null) device.checkEventfd(value);
  }
  const { index, flags, start, count, bools = [], eventfds = [] } = set;
  const given = set.eventfds === undefined ? bools.length : eventfds.length * 4;
  const argsz = set.argsz ?? HEADER + given;
  if (argsz < HEADER || index >= device.indexes) failSetIrqs('EINVAL');
  if (count >= U32_MAX - start || (flags & ~(TYPES | ACTIONS)) !== 0) failSetIrqs('EINVAL');
  const available = device.vectors(index);
  if (start >= available || start + count > available) failSetIrqs('EINVAL');
  const type = flags & TYPES;
  const size = DATA_SIZE.get(type);
  if (size === undefined || argsz - HEADER < count * size) failSetIrqs('EINVAL');
  const action = flags & ACTIONS;
  if (!hasAction(index, action)) failSetIrqs('ENOTTY');
  return {
    index,
    type,
    action,
    start,
    count,
    bool: (i) => (bools[i] ?? 0) !== 0,
    eventfd: (i) => eventfds[i] ?? (i < eventfds.length ? null : 0),
  };
}

/** Returns the vectors that a request with NONE or BOOL data selects, in ascending order. */
export function selectedVectors({ type, start, count, bool }: IrqRequest): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  const selected = type === VFIO_IRQ_SET_DATA_NONE ? all : all.filter((i) => bool(i));
  return selected.map((i) => start + i);
}

/**
 * Binds each eventfd of a request to its vector, in ascending order, like vfio_msi_set_block() in
 * the kernel. If one bind fails, the function unbinds all vectors from `start` up to the vector
 * that failed. The vectors after the vector that failed keep their eventfds.
 *
 * @throws the error of the bind that failed
 */
export function bindBlock(
  { start, count, eventfd }: IrqRequest,
  bind: (vector: number, eventfd: IrqEventfd) => void,
  unbind: (vector: number) => void,
): void {
  for (let i = 0; i < count; i++) {
    try {
      bind(start + i, eventfd(i));
    } catch (error) {
      for (let j = 0; j <= i; j++) unbind(start + j);
      throw error;
    }
  }
}

/**
 * Returns the eventfd object of an argument, or null for a negative number.
 *
 * @throws {@link VfioError} EBADF or EINVAL for a number of 0 or more, because mock devices and
 *   virtual devices accept only eventfd objects
 */
export function eventfdOf(value: IrqEventfd, syscall: string): Eventfd | null {
  if (typeof value !== 'number') return value;
  if (value < 0) return null;
  // Descriptors 0 to 2 are open files, but not eventfds.
  throw new VfioError({ code: value <= 2 ? 'EINVAL' : 'EBADF', syscall });
}

/** Whether an index supports an action. */
function hasAction(index: number, action: number): boolean {
  if (action === VFIO_IRQ_SET_ACTION_TRIGGER) return true;
  const masks = action === VFIO_IRQ_SET_ACTION_MASK || action === VFIO_IRQ_SET_ACTION_UNMASK;
  return masks && index === VFIO_PCI_INTX_IRQ_INDEX;
}
