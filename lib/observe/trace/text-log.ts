import { type AccessNames, nameless } from './access.js';
import { accessOf, callText, type TracedCall } from './call-text.js';
import type { CallLine, ObjectLine, RareLine, VectorName } from './format.js';
import { isCall, type ThreadLine, type TracedThread } from './merged-lines.js';

/** Columns of the time, so that the lines of the first ten minutes are aligned. */
const TIME_WIDTH = 10;

/** Returns nanoseconds as seconds with six decimals. */
function seconds(ns: number): string {
  return (ns / 1e9).toFixed(6);
}

/** Formats the lines of a trace as a text, in the style of strace. */
export class TextLog {
  /** The threads in the order of their first line. */
  readonly #threads = new Map<TracedThread, string>();
  /** Number of delivered interrupts of each vector, since its eventfd was bound. */
  readonly #delivered = new Map<string, number>();
  readonly #names: AccessNames | undefined;
  #start: number | null = null;

  constructor(names?: AccessNames) {
    this.#names = names;
  }

  /** Returns the lines of text for one line of the trace. */
  format(entry: ThreadLine): string[] {
    const { line, thread, at, isResumed } = entry;
    this.#start ??= at;
    const texts = isCall(line)
      ? this.#formatCall(line, thread, isResumed)
      : this.#formatRare(line, thread);
    if (texts.length === 0) return [];
    const head = `${seconds(at - this.#start).padStart(TIME_WIDTH)} ${this.#prefixOf(thread)}`;
    return texts.map((text) => head + text);
  }

  /** The first thread has no prefix, so the log of a program with one thread stays short. */
  #prefixOf(thread: TracedThread): string {
    let prefix = this.#threads.get(thread);
    if (prefix === undefined) {
      prefix = this.#threads.size === 0 ? '' : `[${nameOf(thread)}] `;
      this.#threads.set(thread, prefix);
    }
    return prefix;
  }

  #formatCall(line: CallLine, { objects }: TracedThread, isResumed: boolean): string[] {
    const [, duration, id, method, args, result = null, error = null, count = 1] = line;
    const object = objects.get(id);
    if (object === undefined) return [];
    const call: TracedCall = { object, method, args, result, error };
    const access = accessOf(call);
    const outcome = error === null ? '' : ` = ${error}`;
    const time = access !== null ? '' : ` <${seconds(duration)}>`;
    const times = count === 1 ? '' : ` (${count} times in ${seconds(duration)} s)`;
    const text = isResumed
      ? `<... ${method} resumed>${result === null ? '' : ` = ${result}`}`
      : callText(call, this.#names?.name ?? nameless, access);
    return [`${object.device} ${text}${outcome}${times}${time}`];
  }

  #formatRare(line: RareLine, thread: TracedThread): string[] {
    switch (line.type) {
      case 'start':
        return [`${describeThread(thread)} starts: ${line.argv.join(' ')}`];
      case 'end':
        return [`${describeThread(thread)} ends with exit code ${line.exitCode}`];
      case 'stop':
        return [`the tracer of ${describeThread(thread)} stopped: ${line.reason}`];
      case 'object':
      case 'config':
        return [];
      case 'registers':
        this.#names?.define(line);
        return [];
      case 'begin':
        return this.#formatBegin(thread.objects.get(line.object), line.method, line.args);
      case 'deliver': {
        const time = seconds(line.end - line.at);
        return line.vectors.map(({ irq, vector, total }) => {
          this.#delivered.set(keyOf(thread, { device: line.device, irq, vector }), total);
          return `${line.device} ${irq} ${vector} delivered <${time}>`;
        });
      }
      case 'leave': {
        const lost = line.total - (this.#delivered.get(keyOf(thread, line)) ?? 0);
        this.#delivered.delete(keyOf(thread, line));
        if (lost <= 0) return [];
        return [vectorText(line, `lost ${lost} interrupt${lost === 1 ? '' : 's'}`)];
      }
      case 'dmaFault':
        return [`${line.device} DMA fault: ${line.text}`];
      default:
        // The library always listens for REQ.
        if (line.irq === 'req' && line.type.startsWith('await')) return [];
        return [vectorText(line, VECTOR_TEXTS[line.type])];
    }
  }

  #formatBegin(object: ObjectLine | undefined, method: string, args: string): string[] {
    return object === undefined ? [] : [`${object.device} ${method}(${args}) <unfinished ...>`];
  }
}

const VECTOR_TEXTS = {
  bind: 'bound',
  release: 'unbound',
  resample: 'unmasked by an eventfd from now on',
  signal: 'interrupt',
  mask: 'masked',
  unmask: 'unmasked',
  await: 'awaited',
  awaited: 'no longer awaited',
} as const;

function vectorText({ device, irq, vector }: VectorName, text: string): string {
  return `${device} ${irq} ${vector} ${text}`;
}

function keyOf(thread: TracedThread, { device, irq, vector }: VectorName): string {
  return `${nameOf(thread)} ${device} ${irq} ${vector}`;
}

/** Returns the id of the process, and the number of the thread in other threads than the first. */
function nameOf({ start }: TracedThread): string {
  const { pid = 0, thread = 0 } = start ?? {};
  return thread === 0 ? String(pid) : `${pid}.${thread}`;
}

function describeThread({ start }: TracedThread): string {
  const { pid = 0, thread = 0 } = start ?? {};
  return thread === 0 ? `process ${pid}` : `thread ${thread} of process ${pid}`;
}
