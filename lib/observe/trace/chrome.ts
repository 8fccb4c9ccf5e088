import type { CallLine } from './format.js';
import type { ThreadTimeline } from './timeline.js';
import type { Trace } from './trace.js';
import type { Interrupt, VectorTimeline } from './vector-timeline.js';

/** An event of the Trace Event Format, which Perfetto and chrome://tracing read. */
interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'i' | 'b' | 'e' | 'M';
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number;
  readonly s?: 't';
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/**
 * Asynchronous methods. A call of an asynchronous method can overlap with later calls, so the bars
 * of asynchronous calls are not nested.
 */
const ASYNCHRONOUS = new Set(['reset', 'map']);

/**
 * Builds the rows of Perfetto. Each device has a row for register accesses, a row for other calls,
 * and a row for each vector.
 */
class TraceEvents {
  readonly #trace: Trace;
  readonly #events: TraceEvent[] = [];
  readonly #rows = new Map<string, number>();
  #process = 0;
  #lastSpan = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  events(): TraceEvent[] {
    for (const thread of this.#trace.threads) this.#addThread(thread);
    return this.#events;
  }

  #addThread({ pid, thread, argv, calls, vectors }: ThreadTimeline): void {
    this.#process++;
    const name = `${argv.slice(1).join(' ') || this.#trace.command} (${pid}${thread === 0 ? '' : `, thread ${thread}`})`;
    this.#addMetadata('process_name', 0, name);
    for (const call of calls) this.#addCall(call);
    for (const vector of vectors) this.#addVector(vector);
  }

  #addCall(call: CallLine): void {
    const registers = call.kind.startsWith('window');
    const tid = this.#rowId(`${call.device} ${registers ? 'registers' : 'calls'}`);
    const { method, kind, args, result, error } = call;
    const common = { name: method, cat: kind, pid: this.#process, tid };
    const details = { args, result, error, on: `${kind} ${call.id}` };
    if (ASYNCHRONOUS.has(method) && !registers) {
      this.#addSpan(common, call.at, call.end, details);
    } else {
      const ts = this.#microseconds(call.at);
      this.#events.push({
        ...common,
        ph: 'X',
        ts,
        dur: (call.end - call.at) / 1000,
        args: details,
      });
    }
  }

  #addVector({ device, irq, vector, interrupts, masks }: VectorTimeline): void {
    const row = `${device} ${irq} ${vector}`;
    const common = { pid: this.#process, tid: this.#rowId(row), cat: 'interrupt' };
    for (const interrupt of interrupts) this.#addInterrupt(common, row, interrupt);
    for (const { at, type } of masks) {
      this.#events.push({ ...common, name: type, ph: 'i', s: 't', ts: this.#microseconds(at) });
    }
  }

  #addInterrupt(
    common: { pid: number; tid: number; cat: string },
    row: string,
    { raised, delivered, done, count, state }: Interrupt,
  ): void {
    const args = { count, state };
    if (state !== 'delivered') {
      const ts = this.#microseconds(raised ?? delivered ?? done ?? this.#trace.start);
      this.#events.push({ ...common, name: state.toUpperCase(), ph: 'i', s: 't', ts, args });
    }
    if (raised !== null) {
      // A new interrupt can arrive while listeners still handle the previous interrupt. The bars of
      // these two interrupts overlap.
      this.#addSpan(
        { ...common, name: `${row} pending` },
        raised,
        delivered ?? done ?? raised,
        args,
      );
    }
    if (delivered !== null) {
      const dur = ((done ?? delivered) - delivered) / 1000;
      const ts = this.#microseconds(delivered);
      this.#events.push({ ...common, name: 'listeners', ph: 'X', ts, dur, args });
    }
  }

  /** Adds a bar that can overlap with other bars of the row. */
  #addSpan(
    common: { name: string; pid: number; tid: number; cat: string },
    from: number,
    to: number,
    args: Readonly<Record<string, unknown>>,
  ): void {
    const id = ++this.#lastSpan;
    this.#events.push({ ...common, ph: 'b', ts: this.#microseconds(from), id, args });
    this.#events.push({ ...common, ph: 'e', ts: this.#microseconds(to), id });
  }

  #rowId(name: string): number {
    const key = `${this.#process} ${name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const tid = this.#rows.size + 1;
    this.#rows.set(key, tid);
    this.#addMetadata('thread_name', tid, name);
    return tid;
  }

  #addMetadata(what: string, tid: number, name: string): void {
    this.#events.push({ name: what, ph: 'M', pid: this.#process, tid, args: { name } });
  }

  #microseconds(time: number): number {
    return (time - this.#trace.start) / 1000;
  }
}

/** Returns the trace in the file format of Perfetto (ui.perfetto.dev). */
export function chromeTrace(trace: Trace): string {
  return JSON.stringify({
    traceEvents: new TraceEvents(trace).events(),
    displayTimeUnit: 'ns',
    otherData: { command: trace.command },
  });
}
