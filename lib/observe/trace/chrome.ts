import type { CallLine } from './format.js';
import type { ThreadTimeline } from './timeline.js';
import type { Trace } from './trace.js';
import type { Interrupt, VectorTimeline } from './vector-timeline.js';

/** An event of the Trace Event Format, which Perfetto and chrome://tracing open. */
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

/** Calls that end after others began: they are no stack. */
const LONG = new Set(['reset', 'map']);

/** One row of Perfetto for the calls on registers, one for all other calls, one for each vector. */
class Rows {
  readonly #trace: Trace;
  readonly #events: TraceEvent[] = [];
  readonly #rows = new Map<string, number>();
  #process = 0;
  #async = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  events(): TraceEvent[] {
    for (const thread of this.#trace.threads) this.#thread(thread);
    return this.#events;
  }

  #thread({ pid, thread, argv, calls, vectors }: ThreadTimeline): void {
    this.#process++;
    const name = `${argv.slice(1).join(' ') || this.#trace.command} (${pid}${thread === 0 ? '' : `, thread ${thread}`})`;
    this.#meta('process_name', 0, name);
    for (const call of calls) this.#call(call);
    for (const vector of vectors) this.#vector(vector);
  }

  #call(call: CallLine): void {
    const registers = call.kind.startsWith('window');
    const tid = this.#row(`${call.device} ${registers ? 'registers' : 'calls'}`);
    const { method, kind, args, result, error } = call;
    const common = { name: method, cat: kind, pid: this.#process, tid };
    const details = { args, result, error, on: `${kind} ${call.id}` };
    if (LONG.has(method) && !registers) {
      this.#span(common, call.at, call.end, details);
    } else {
      const ts = this.#at(call.at);
      this.#events.push({
        ...common,
        ph: 'X',
        ts,
        dur: (call.end - call.at) / 1000,
        args: details,
      });
    }
  }

  #vector({ device, irq, vector, interrupts, masks }: VectorTimeline): void {
    const row = `${device} ${irq} ${vector}`;
    const common = { pid: this.#process, tid: this.#row(row), cat: 'interrupt' };
    for (const interrupt of interrupts) this.#interrupt(common, row, interrupt);
    for (const { at, type } of masks) {
      this.#events.push({ ...common, name: type, ph: 'i', s: 't', ts: this.#at(at) });
    }
  }

  #interrupt(
    common: { pid: number; tid: number; cat: string },
    row: string,
    { raised, delivered, done, count, state }: Interrupt,
  ): void {
    const args = { count, state };
    if (state !== 'delivered') {
      const ts = this.#at(raised ?? delivered ?? done ?? this.#trace.start);
      this.#events.push({ ...common, name: state.toUpperCase(), ph: 'i', s: 't', ts, args });
    }
    if (raised !== null) {
      // The next one may be raised while the listeners of this one run.
      this.#span({ ...common, name: `${row} pending` }, raised, delivered ?? done ?? raised, args);
    }
    if (delivered !== null) {
      const dur = ((done ?? delivered) - delivered) / 1000;
      const ts = this.#at(delivered);
      this.#events.push({ ...common, name: 'listeners', ph: 'X', ts, dur, args });
    }
  }

  /** What may overlap with others of its row. */
  #span(
    common: { name: string; pid: number; tid: number; cat: string },
    from: number,
    to: number,
    args: Readonly<Record<string, unknown>>,
  ): void {
    const id = ++this.#async;
    this.#events.push({ ...common, ph: 'b', ts: this.#at(from), id, args });
    this.#events.push({ ...common, ph: 'e', ts: this.#at(to), id });
  }

  #row(name: string): number {
    const key = `${this.#process} ${name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const tid = this.#rows.size + 1;
    this.#rows.set(key, tid);
    this.#meta('thread_name', tid, name);
    return tid;
  }

  #meta(what: string, tid: number, name: string): void {
    this.#events.push({ name: what, ph: 'M', pid: this.#process, tid, args: { name } });
  }

  #at(time: number): number {
    return (time - this.#trace.start) / 1000;
  }
}

/** The trace as a file for Perfetto (ui.perfetto.dev). */
export function chromeTrace(trace: Trace): string {
  return JSON.stringify({
    traceEvents: new Rows(trace).events(),
    displayTimeUnit: 'ns',
    otherData: { command: trace.command },
  });
}
