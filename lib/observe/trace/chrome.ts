import type { CallRow, CallSpan, ThreadTimeline } from './timeline.js';
import { describeGaps, type Trace } from './trace.js';
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
  readonly #push: (event: TraceEvent) => void;
  readonly #rows = new Map<string, number>();
  #process = 0;
  #lastSpan = 0;

  constructor(trace: Trace, push: (event: TraceEvent) => void) {
    this.#trace = trace;
    this.#push = push;
  }

  pushAll(): void {
    for (const thread of this.#trace.threads) this.#pushThread(thread);
  }

  #pushThread({ pid, thread, argv, rows, vectors }: ThreadTimeline): void {
    this.#process++;
    const name = `${argv.slice(1).join(' ') || this.#trace.command} (${pid}${thread === 0 ? '' : `, thread ${thread}`})`;
    this.#pushMetadata('process_name', 0, name);
    for (const row of rows) {
      const tid = this.#rowId(`${row.device} ${row.hasRegisters ? 'registers' : 'calls'}`);
      for (const call of row.calls) this.#pushCall(row, tid, call);
    }
    for (const vector of vectors) this.#pushVector(vector);
  }

  #pushCall({ hasRegisters }: CallRow, tid: number, call: CallSpan): void {
    const { method, where, text, args, count, isMixed } = call;
    const name = isMixed ? `${count} calls` : count > 1 ? `${method} ×${count}` : method;
    const common = { name, cat: where, pid: this.#process, tid };
    const result = call.result ?? undefined;
    const details = { text, args, result, error: call.error ?? undefined, on: where };
    const first = isMixed ? { first: method } : {};
    if (ASYNCHRONOUS.has(method) && !hasRegisters) {
      this.#pushSpan(common, call.at, call.end, { ...first, ...details });
    } else {
      const [ts, dur] = [this.#microseconds(call.at), (call.end - call.at) / 1000];
      this.#push({ ...common, ph: 'X', ts, dur, args: { ...first, ...details } });
    }
  }

  #pushVector({ device, irq, vector, interrupts, masks, unmasks }: VectorTimeline): void {
    const row = `${device} ${irq} ${vector}`;
    const common = { pid: this.#process, tid: this.#rowId(row), cat: 'interrupt' };
    for (const interrupt of interrupts) this.#pushInterrupt(common, row, interrupt);
    for (const [name, periods] of Object.entries({ mask: masks, unmask: unmasks })) {
      for (const { at, count } of periods) {
        this.#push({
          ...common,
          name: count > 1 ? `${name} ×${count}` : name,
          ph: 'i',
          s: 't',
          ts: this.#microseconds(at),
        });
      }
    }
  }

  #pushInterrupt(
    common: { pid: number; tid: number; cat: string },
    row: string,
    { at, end, delivered, count, entries, state }: Interrupt,
  ): void {
    const args = { count, state, ...(entries > 1 ? { entries } : {}) };
    if (state !== 'delivered') {
      const ts = this.#microseconds(at);
      this.#push({ ...common, name: state.toUpperCase(), ph: 'i', s: 't', ts, args });
    }
    if (count > 0) {
      // A new interrupt can arrive while listeners still handle the previous interrupt. The bars of
      // these two interrupts overlap.
      this.#pushSpan({ ...common, name: `${row} pending` }, at, delivered ?? end, args);
    }
    if (delivered !== null) {
      const dur = (end - delivered) / 1000;
      const ts = this.#microseconds(delivered);
      this.#push({ ...common, name: 'listeners', ph: 'X', ts, dur, args });
    }
  }

  /** Adds a bar that can overlap with other bars of the row. */
  #pushSpan(
    common: { name: string; pid: number; tid: number; cat: string },
    from: number,
    to: number,
    args: Readonly<Record<string, unknown>>,
  ): void {
    const id = ++this.#lastSpan;
    this.#push({ ...common, ph: 'b', ts: this.#microseconds(from), id, args });
    this.#push({ ...common, ph: 'e', ts: this.#microseconds(to), id });
  }

  #rowId(name: string): number {
    const key = `${this.#process} ${name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const tid = this.#rows.size + 1;
    this.#rows.set(key, tid);
    this.#pushMetadata('thread_name', tid, name);
    return tid;
  }

  #pushMetadata(what: string, tid: number, name: string): void {
    this.#push({ name: what, ph: 'M', pid: this.#process, tid, args: { name } });
  }

  #microseconds(time: number): number {
    return (time - this.#trace.start) / 1000;
  }
}

/** Writes the trace in the file format of Perfetto (ui.perfetto.dev). */
export function writeChromeTrace(trace: Trace, write: (text: string) => void): void {
  const head = {
    displayTimeUnit: 'ns',
    otherData: { command: trace.command, notes: describeGaps(trace) },
  };
  write(`${JSON.stringify(head).slice(0, -1)},"traceEvents":[`);
  let separator = '';
  new TraceEvents(trace, (event) => {
    write(separator + JSON.stringify(event));
    separator = ',\n';
  }).pushAll();
  write(']}');
}
