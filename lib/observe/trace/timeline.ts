import { setImmediate } from 'node:timers/promises';
import { IRQ_NAMES } from '../../contract/uapi.js';
import { BoundedList, type Resolution, type Span } from './bounded-list.js';
import type { CallLine, Line, ObjectLine, VectorName } from './format.js';
import { VectorBuilder, type VectorTimeline } from './vector-timeline.js';

/** One call, or neighbouring calls of a row that the resolution of the trace does not separate. */
export interface CallSpan extends Span {
  /** For example `window of region 0`. The texts describe the first call. */
  readonly kind: string;
  readonly id: number;
  readonly method: string;
  readonly args: string;
  readonly result: string | null;
  /** The error of the first failed call; null if no call failed. */
  error: string | null;
  /** Number of calls. */
  count: number;
  /** Whether the entry contains calls that differ from the first call. */
  isMixed: boolean;
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
  /** Time of the first call. */
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
 * Builds the timeline of a thread from its trace file.
 *
 * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after this
 *   limit is late
 * @param signal - an abort of this signal ends the work with the reason of the signal
 */
export async function buildTimeline(
  lines: Iterable<Line>,
  late: number,
  resolution: Resolution,
  signal: AbortSignal,
): Promise<ThreadTimeline> {
  const builder = new TimelineBuilder(late, resolution);
  let added = 0;
  for (const line of lines) {
    builder.add(line);
    if (++added % LINES_PER_TURN !== 0) continue;
    await setImmediate();
    signal.throwIfAborted();
  }
  return builder.finish();
}

class TimelineBuilder {
  readonly #late: number;
  readonly #resolution: Resolution;
  readonly #objects = new Map<number, { kind: string; row: BoundedList<CallSpan> }>();
  readonly #rows = new Map<string, Omit<CallRow, 'calls'> & { list: BoundedList<CallSpan> }>();
  readonly #vectors = new Map<string, { name: VectorName; builder: VectorBuilder }>();
  #thread = { pid: 0, thread: 0, argv: [] as readonly string[] };
  #stopped: string | null = null;
  #start = Infinity;
  #end = -Infinity;
  #calls = 0;

  constructor(late: number, resolution: Resolution) {
    this.#late = late;
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
        break;
      case 'stop':
        this.#stopped = line.reason;
        break;
      case 'object':
        this.#objects.set(line.id, { kind: line.kind, row: this.#rowOf(line) });
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

  finish(): ThreadTimeline {
    return {
      ...this.#thread,
      start: this.#start,
      end: this.#end,
      calls: this.#calls,
      stopped: this.#stopped,
      rows: [...this.#rows.values()].map(({ list, ...row }) => ({ ...row, calls: list.sorted() })),
      vectors: [...this.#vectors.values()]
        .map(({ name, builder }) => builder.finish(name, this.#end))
        .filter(wasUsed)
        .sort(compareVectors),
    };
  }

  #addCall([at, duration, id, method, args, result, error, count = 1]: CallLine): void {
    const object = this.#objects.get(id);
    if (object === undefined) return;
    const end = at + duration;
    this.#start = Math.min(this.#start, at);
    this.#end = Math.max(this.#end, end);
    this.#calls += count;
    object.row.push({
      at,
      end,
      kind: object.kind,
      id,
      method,
      args,
      result: result ?? null,
      error: error ?? null,
      count,
      isMixed: false,
    });
  }

  #rowOf({ device, kind }: ObjectLine): BoundedList<CallSpan> {
    const hasRegisters = kind.startsWith('window');
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
      const builder = new VectorBuilder(this.#late, this.#resolution);
      known = { name: { device, irq, vector }, builder };
      this.#vectors.set(key, known);
    }
    return known.builder;
  }
}

/** `Array.isArray` does not narrow readonly arrays. */
function isCall(line: Line): line is CallLine {
  return Array.isArray(line);
}

function mergeCalls(into: CallSpan, next: CallSpan): void {
  into.isMixed ||=
    next.isMixed ||
    into.id !== next.id ||
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
