import type { Eventfd, IrqSet } from '../contract/index.js';
import { type Fields, OperationError } from './fields.js';
import type { Session } from './session.js';

const S32_MIN = -(2 ** 31);
const S32_MAX = 2 ** 31 - 1;
const U8_MAX = 255;

export const IRQ_SET_FIELDS = ['index', 'flags', 'start', 'count', 'argsz', 'fds', 'bools'];

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function parseFd(session: Session, value: unknown): Eventfd | null | number {
  if (typeof value === 'string') return session.ensureEventfd(value);
  if (value === null || isInteger(value, S32_MIN, S32_MAX)) return value;
  throw new OperationError('each element of "fds" must be a name, null or a 32-bit integer');
}

function parseBool(value: unknown): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (isInteger(value, 0, U8_MAX)) return value;
  throw new OperationError('each element of "bools" must be a boolean or an 8-bit integer');
}

/** Parses the fields of a `set_irqs` line, which describe a `struct vfio_irq_set`. */
export function parseIrqSet(session: Session, fields: Fields): IrqSet {
  const set = {
    index: fields.u32('index'),
    flags: fields.u32('flags'),
    start: fields.u32('start'),
    count: fields.u32('count'),
    ...(fields.has('argsz') ? { argsz: fields.u32('argsz') } : {}),
  };
  if (fields.has('bools')) {
    if (fields.has('fds')) throw new OperationError('give either "fds" or "bools", not both');
    return { ...set, bools: fields.list('bools').map(parseBool) };
  }
  if (!fields.has('fds')) return set;
  return { ...set, eventfds: fields.list('fds').map((value) => parseFd(session, value)) };
}
