import { setImmediate, setTimeout } from 'node:timers/promises';
import { printable } from '../../printable.js';
import { type Access, accessText, type NameAccess, nameless } from './access.js';
import { POLL_MS, type TraceSource, type WriteText } from './follow.js';
import { LineReader } from './read-lines.js';

/** Number of bytes that the log shows. */
const MAX_BYTES = 16;

/** A line of a record: an operation of `vfio run` with its answer. */
type RecordLine = Readonly<Record<string, unknown>> & {
  readonly op: string;
  readonly answer?: Readonly<Record<string, unknown>>;
};

/**
 * Writes a record of `VFIO_RECORD` as text. While the program runs, the log follows the program. A
 * record has no times, so the lines have none.
 */
export async function followRecord(
  path: string,
  { isRunning, signal, names }: Pick<TraceSource, 'isRunning' | 'signal' | 'names'>,
  write: WriteText,
): Promise<void> {
  const name = names?.name ?? nameless;
  const isAborted = () => signal.aborted;
  const reader = new LineReader<RecordLine>(path);
  try {
    for (;;) {
      const isLast = !isRunning();
      for (let lines = reader.read(); lines !== null; lines = reader.read()) {
        await write(lines.map((line) => `${printable(recordText(line, name))}\n`).join(''));
        await setImmediate();
        if (isAborted()) return;
      }
      if (isLast || isAborted()) return;
      await setTimeout(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    reader.close();
  }
}

/** Returns the text of one operation of a record. */
function recordText({ op, answer = {}, ...fields }: RecordLine, name: NameAccess): string {
  const failed = answer.ok === false ? ` = ${[answer.code, answer.syscall].join(' ').trim()}` : '';
  const access = accessOf(op, fields, answer);
  // A record contains one device, and does not name it.
  const text =
    access === null ? callOf(op, fields, answer) : (name('', access) ?? accessText(access));
  return `${text}${failed}`;
}

function accessOf(
  op: string,
  { region, offset, width, length, value, data }: Readonly<Record<string, unknown>>,
  answer: Readonly<Record<string, unknown>>,
): Access | null {
  const place = { region: Number(region), offset: Number(offset) };
  const isWrite = op.endsWith('write');
  if (op === 'mmio_read' || op === 'mmio_write') {
    const text = formatValue(isWrite ? value : answer.value);
    return { ...place, width: Number(width), isWrite, bytes: null, value: text };
  }
  if (op !== 'read' && op !== 'write') return null;
  const hex = isWrite ? data : answer.data;
  const bytes = isWrite ? String(data).length / 2 : Number(length);
  return { ...place, width: null, isWrite, bytes, value: formatBytes(hex) };
}

function callOf(
  op: string,
  fields: Readonly<Record<string, unknown>>,
  { ok, ...answer }: Readonly<Record<string, unknown>>,
): string {
  const result = ok === true && Object.keys(answer).length > 0 ? ` = ${formatFields(answer)}` : '';
  return `${op}(${formatFields(fields)})${result}`;
}

function formatFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${name === 'data' ? formatBytes(value) : format(value)}`)
    .join(', ');
}

function format(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Returns a number as the trace shows it: decimal below 10, otherwise hex. */
function formatValue(value: unknown): string | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const number = BigInt(value);
  return number < 10n ? `${number}` : `0x${number.toString(16)}`;
}

function formatBytes(hex: unknown): string | null {
  if (typeof hex !== 'string') return null;
  const text = hex.slice(0, 2 * MAX_BYTES).replace(/..(?=.)/g, '$& ');
  return hex.length > 2 * MAX_BYTES ? `${text} … (${hex.length / 2} bytes)` : text;
}
