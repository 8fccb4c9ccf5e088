import { IRQ_NAMES } from '../../contract/uapi.js';
import type { CallLine, Line, Start, VectorName } from './format.js';
import { VectorBuilder, type VectorTimeline } from './vector-timeline.js';

/** The calls that one thread made on devices, and the vectors that the thread used. */
export interface ThreadTimeline {
  readonly pid: number;
  readonly thread: number;
  readonly argv: readonly string[];
  readonly calls: CallLine[];
  readonly vectors: VectorTimeline[];
}

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
 */
export function buildTimeline(lines: readonly Line[], late: number): ThreadTimeline {
  const start = lines.find((line): line is Start => line.type === 'start');
  const builders = new Map<string, { name: VectorName; builder: VectorBuilder }>();
  const builderOf = ({ device, irq, vector }: VectorName): VectorBuilder => {
    const key = `${device} ${irq} ${vector}`;
    let known = builders.get(key);
    if (known === undefined) {
      known = { name: { device, irq, vector }, builder: new VectorBuilder(late) };
      builders.set(key, known);
    }
    return known.builder;
  };
  const calls: CallLine[] = [];
  for (const line of lines) {
    if (line.type === 'call') calls.push(line);
    else if (line.type === 'bind') builderOf(line).bind(line.at);
    else if (line.type === 'release') builderOf(line).release(line.at);
    else if (line.type === 'signal') builderOf(line).signal(line.at, line.total);
    else if (line.type === 'leave') builderOf(line).leave(line.at, line.total);
    else if (line.type === 'mask' || line.type === 'unmask') builderOf(line).mask(line);
    else if (line.type === 'deliver') {
      const { at, end, device } = line;
      for (const { irq, vector, total } of line.vectors) {
        builderOf({ device, irq, vector }).deliver(at, end, total);
      }
    }
  }
  const end = calls.reduce((last, call) => Math.max(last, call.end), start?.at ?? 0);
  return {
    pid: start?.pid ?? 0,
    thread: start?.thread ?? 0,
    argv: start?.argv ?? [],
    calls: calls.sort((a, b) => a.at - b.at),
    vectors: [...builders.values()]
      .map(({ name, builder }) => builder.finish(name, end))
      .filter(wasUsed)
      .sort(compareVectors),
  };
}

/**
 * Returns false for a REQ vector without interrupts. A trace does not show an unused REQ vector,
 * because every open device listens for REQ.
 */
function wasUsed({ irq, interrupts }: VectorTimeline): boolean {
  return irq !== 'req' || interrupts.length > 0;
}
