import { setImmediate } from 'node:timers/promises';
import { IRQ_NAMES, regionName } from '../../contract/uapi.js';
import { type NameAccess, nameless } from './access.js';
import { BoundedList, type Resolution, type Span } from './bounded-list.js';
import { accessOf, callText, type TracedCall } from './call-text.js';
import type { BeginLine, CallLine, DmaFaultLine, Line, ObjectLine, VectorName } from './format.js';
import type { Latencies } from './latencies.js';
import { isCall } from './merged-lines.js';
import { VectorBuilder, type VectorTimeline } from './vector-timeline.js';

/** A call, and the calls that are merged with the call. */
interface MergedCalls extends Span, TracedCall {
  /** The text of an event that is not a call; null for a call. */
  readonly event: string | null;
  /** The error of the first failed call; null if no call failed. */
  error: string | null;
  count: number;
  isMixed: boolean;
}

/** One call, or neighbouring calls of a row that the resolution of the trace does not separate. */
export interface CallSpan extends Span {
  /** For example `bar4`, `config` or `device`. The texts describe the first call. */
  readonly where: string;
  readonly method: string;
  readonly args: string;
  readonly result: string | null;
  /** For example `bar4+0x3000 w16 <- 0`. */
  readonly text: string;
  /** The error of the first failed call; null if no call failed. */
  readonly error: string | null;
  /** Number of calls. */
  readonly count: number;
  /** Whether the entry contains calls that differ from the first call. */
  readonly isMixed: boolean;
}

/** The calls on one device. Register accesses are in a separate row. */
export interface CallRow {
  readonly device: string;
  readonly hasRegisters: boolean;
  readonly calls: readonly CallSpan[];
}

/** The calls that one thread made on devices, and the vectors that the thread used. */
export interface ThreadTimeline {
  readonly pid: number;
  readonly thread: number;
  readonly argv: readonly string[];
  /** Time of the start of the thread's trace. */
  readonly start: number;
  /** End of the last call. */
  readonly end: number;
  /** Number of calls, including the calls that are merged in `rows`. */
  readonly calls: number;
  /** The reason for which the tracer stopped before the thread ended, or null. */
  readonly stopped: string | null;
  readonly rows: readonly CallRow[];
  readonly vectors: readonly VectorTimeline[];
}

/** Number of lines after which the event loop runs once, so that a signal can end the work. */
const LINES_PER_TURN = 4096;

/** Vectors are sorted in the order of the interrupt indexes. */
const IRQ_ORDER: readonly string[] = IRQ_NAMES;

function compareVectors(a: VectorName, b: VectorName): number {
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  return IRQ_ORDER.indexOf(a.irq) - IRQ_ORDER.indexOf(b.irq) || a.vector - b.vector;
}

/**
 * Reads the lines of a trace file into the builder of a timeline.
 *
 * @param onLine - receives each line
 * @param signal - an abort of this signal ends the work with the reason of the signal
 */
export async function readTimeline(
  lines: Iterable<Line>,
  resolution: Resolution,
  onLine: (line: Line) => void,
  signal: AbortSignal,
): Promise<TimelineBuilder> {
  const builder = new TimelineBuilder(resolution);
  let added = 0;
  for (const line of lines) {
    builder.add(line);
    onLine(line);
    if (++added % LINES_PER_TURN !== 0) continue;
    await setImmediate();
    signal.throwIfAborted();
  }
  return builder;
}

/** Builds the timeline of a thread. */
export class TimelineBuilder {
  readonly #resolution: Resolution;
  readonly #objects = new Map<number, { line: ObjectLine; row: BoundedList<MergedCalls> }>();
  readonly #rows = new Map<string, Omit<CallRow, 'calls'> & { list: BoundedList<MergedCalls> }>();
  /** The calls that have not returned. */
  readonly #begun = new Map<string, BeginLine>();
  readonly #vectors = new Map<string, { name: VectorName; builder: VectorBuilder }>();
  #thread = { pid: 0, thread: 0, argv: [] as readonly string[] };
  #stopped: string | null = null;
  #start = Infinity;
  #end = -Infinity;
  #calls = 0;

  constructor(resolution: Resolution) {
    this.#resolution = resolution;
  }

  add(line: Line): void {
    if (isCall(line)) {
      this.#addCall(line);
      return;
    }
    switch (line.type) {
      case 'start':
        this.#thread = { pid: line.pid, thread: line.thread, argv: line.argv };
        this.#start = line.at;
        break;
      case 'stop':
        this.#stopped = line.reason;
        break;
      case 'object':
        this.#objects.set(line.id, { line, row: this.#rowOf(line) });
        break;
      case 'begin':
        this.#begun.set(`${line.object} ${line.at}`, line);
        break;
      case 'dmaFault':
        this.#addFault(line);
        break;
      case 'bind':
        this.#vectorOf(line).bind(line.at);
        break;
      case 'release':
        this.#vectorOf(line).release(line.at);
        break;
      case 'signal':
        this.#vectorOf(line).signal(line.at, line.total);
        break;
      case 'leave':
        this.#vectorOf(line).leave(line.at, line.total);
        break;
      case 'mask':
      case 'unmask':
        this.#vectorOf(line).mask(line);
        break;
      case 'deliver':
        for (const { irq, vector, total } of line.vectors) {
          this.#vectorOf({ device: line.device, irq, vector }).deliver(line.at, line.end, total);
        }
    }
  }

  /**
   * Ends the timeline.
   *
   * @param end - time of the end of the program
   * @returns the delivery times of all vectors
   */
  end(end: number): Latencies[] {
    for (const { object, at, method, args } of this.#begun.values()) {
      this.#addCall([at, Math.max(end - at, 0), object, method, args, null, 'did not return']);
    }
    return [...this.#vectors.values()].map(({ builder }) => {
      builder.end(end);
      return builder.latencies;
    });
  }

  /**
   * Returns the timeline after {@link end}.
   *
   * @param late - time limit in nanoseconds from an interrupt to its delivery
   * @param name - names the registers
   */
  build(late: number, name: NameAccess = nameless): ThreadTimeline {
    return {
      ...this.#thread,
      start: this.#start,
      end: this.#end,
      calls: this.#calls,
      stopped: this.#stopped,
      rows: [...this.#rows.values()].map(({ list, ...row }) => ({
        ...row,
        calls: list.drain((one) => describeCalls(one, name)),
      })),
      vectors: [...this.#vectors.values()]
        .map(({ name, builder }) => builder.build(name, late))
        .filter(wasUsed)
        .sort(compareVectors),
    };
  }

  #addCall([at, duration, id, method, args, result, error, count = 1]: CallLine): void {
    const object = this.#objects.get(id);
    if (object === undefined) return;
    if (this.#begun.size > 0) this.#begun.delete(`${id} ${at}`);
    this.#calls += count;
    this.#end = Math.max(this.#end, at + duration);
    object.row.push({
      at,
      end: at + duration,
      object: object.line,
      event: null,
      method,
      args,
      result: result ?? null,
      error: error ?? null,
      count,
      isMixed: false,
    });
  }

  #addFault({ at, device, text }: DmaFaultLine): void {
    const row = this.#rows.get(`false ${device}`);
    const object = [...this.#objects.values()].find(({ line }) => line.device === device)?.line;
    if (row === undefined || object === undefined) return;
    const event = { event: 'DMA fault', method: 'DMA fault', args: '', result: null, error: text };
    row.list.push({ object, ...event, at, end: at, count: 1, isMixed: false });
  }

  #rowOf({ device, kind }: ObjectLine): BoundedList<MergedCalls> {
    const hasRegisters = kind === 'window';
    const key = `${hasRegisters} ${device}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { device, hasRegisters, list: new BoundedList(this.#resolution, mergeCalls) };
      this.#rows.set(key, row);
    }
    return row.list;
  }

  #vectorOf({ device, irq, vector }: VectorName): VectorBuilder {
    const key = `${device} ${irq} ${vector}`;
    let known = this.#vectors.get(key);
    if (known === undefined) {
      const builder = new VectorBuilder(this.#resolution);
      known = { name: { device, irq, vector }, builder };
      this.#vectors.set(key, known);
    }
    return known.builder;
  }
}

function describeCalls(calls: MergedCalls, name: NameAccess): CallSpan {
  const { at, end, method, args, result, event, error, count, isMixed } = calls;
  const access = accessOf(calls);
  // The region of an access, or the kind of the object.
  const where = access === null ? calls.object.kind : regionName(access.region);
  const text = event ?? callText(calls, name, access);
  // With a spread, V8 would give each of the objects a hidden class of its own.
  return { at, end, method, args, result, error, count, isMixed, where, text };
}

function mergeCalls(into: MergedCalls, next: MergedCalls): void {
  into.isMixed ||=
    next.isMixed ||
    into.object !== next.object ||
    into.method !== next.method ||
    into.args !== next.args ||
    into.result !== next.result ||
    into.error !== next.error;
  into.count += next.count;
  into.error ??= next.error;
}

/**
 * Returns false for a REQ vector without interrupts. A trace does not show an unused REQ vector,
 * because every open device listens for REQ.
 */
function wasUsed({ irq, interrupts }: VectorTimeline): boolean {
  return irq !== 'req' || interrupts.length > 0;
}
