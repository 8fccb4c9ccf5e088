import type { IrqSet } from '../../contract/index.js';
import {
  IRQ_NAMES,
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../../contract/uapi.js';
import type { Call, Outcome } from '../index.js';

const FLAGS = [
  [VFIO_IRQ_SET_DATA_NONE, 'NONE'],
  [VFIO_IRQ_SET_DATA_BOOL, 'BOOL'],
  [VFIO_IRQ_SET_DATA_EVENTFD, 'EVENTFD'],
  [VFIO_IRQ_SET_ACTION_MASK, 'MASK'],
  [VFIO_IRQ_SET_ACTION_UNMASK, 'UNMASK'],
  [VFIO_IRQ_SET_ACTION_TRIGGER, 'TRIGGER'],
] as const;

/** Returns the name that the trace shows for an interrupt index. */
export function irqName(index: number): string {
  return IRQ_NAMES[index] ?? `irq${index}`;
}

/** Number of bytes of a transfer that the trace shows. */
const MAX_BYTES = 16;

/** Shown for a value that cannot be formatted. The program can pass any value to the library. */
const UNREADABLE = '?';

/** Formats the arguments of a call. Numbers are shown in hex, and memory is shown as its size. */
export function describeArgs({ subject, method, args }: Call): string {
  try {
    if (method === 'setIrqs') return describeIrqSet(args[0] as IrqSet);
    if (method === 'write' && subject.kind === 'device') {
      const [region, offset, bytes] = args as [unknown, unknown, Uint8Array];
      const data = describeBytes(bytes, bytes.length);
      return `${describe(region)}, ${describe(offset)}, ${describe(bytes)}: ${data}`;
    }
    let text = '';
    for (const arg of args) {
      if (arg !== undefined) text += text === '' ? describe(arg) : `, ${describe(arg)}`;
    }
    return text;
  } catch {
    return UNREADABLE;
  }
}

/** Formats the result or the error of a call. */
export function describeOutcome(outcome: Outcome, call: Call): { result?: string; error?: string } {
  if ('error' in outcome) return { error: describeError(outcome.error) };
  try {
    if (call.method === 'read' && call.subject.kind === 'device') {
      return { result: describeBytes(call.args[2] as Uint8Array, outcome.value as number) };
    }
    return outcome.value === undefined ? {} : { result: describe(outcome.value) };
  } catch {
    return { result: UNREADABLE };
  }
}

/** Formats the first bytes of a transfer. */
function describeBytes(bytes: Uint8Array, length: number): string {
  const shown = Buffer.from(bytes.subarray(0, Math.min(length, MAX_BYTES)));
  const text = shown.toString('hex').replace(/..(?=.)/g, '$& ');
  return length > MAX_BYTES ? `${text} … (${length} bytes)` : text;
}

function describeError(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return UNREADABLE;
  }
}

function describeIrqSet({ index, flags, start, count, eventfds }: IrqSet): string {
  const names = FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const bound = eventfds?.filter((eventfd) => eventfd !== null).length ?? 0;
  const range = count === 0 ? 'all' : count === 1 ? `${start}` : `${start}–${start + count - 1}`;
  const data = eventfds === undefined ? '' : `, ${bound} of ${count} with an eventfd`;
  return `${irqName(index)} ${range} ${names.join('|')}${data}`;
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return value < 10 ? `${value}` : `0x${value.toString(16)}`;
    case 'string':
      return value;
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'function':
      return 'function';
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return typeof value;
  }
}

function describeObject(value: object): string {
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return `${value.length} items`;
  if ('buffer' in value) return `${Reflect.get(value, 'size')} bytes of memory`;
  if ('read32' in value) return `window of ${Reflect.get(value, 'size')} bytes`;
  if ('fired' in value) return 'event set';
  if ('fd' in value) return typeof value.fd === 'number' ? `eventfd ${value.fd}` : 'eventfd';
  const entries = Object.entries(value).map(([name, field]) => `${name} ${describe(field)}`);
  return entries.length > 0 ? `{ ${entries.join(', ')} }` : 'object';
}
