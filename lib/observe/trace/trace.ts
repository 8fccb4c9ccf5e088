import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Resolution } from './bounded-list.js';
import { readLines } from './read-lines.js';
import { buildTimeline, type ThreadTimeline } from './timeline.js';
import type { VectorFigures } from './vector-timeline.js';

/** The calls and interrupts of a traced command. Times are in nanoseconds of CLOCK_MONOTONIC. */
export interface Trace {
  readonly command: string;
  /** Time of the first call. */
  readonly start: number;
  /** End of the last call. */
  readonly end: number;
  /**
   * Time limit in nanoseconds from an interrupt to its delivery. A delivery after this limit is
   * late.
   */
  readonly late: number;
  /**
   * Nanoseconds; neighbours in a row that fit into this time are one entry. 0 if all entries are
   * separate.
   */
  readonly resolution: number;
  readonly threads: readonly ThreadTimeline[];
}

/** Names of trace files. If a process has the id of an earlier process, the name has a number. */
const TRACE_FILE = /\.jsonl(\.\d+)?$/;

/**
 * Reads the trace files of a folder, one for each thread. The memory that this needs does not
 * depend on the size of the files.
 *
 * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after this
 *   limit is late
 * @param signal - an abort of this signal ends the reading with the reason of the signal
 */
export async function readTrace(
  folder: string,
  command: string,
  late: number,
  signal: AbortSignal,
): Promise<Trace> {
  const resolution = new Resolution();
  const threads: ThreadTimeline[] = [];
  const names = readdirSync(folder).filter((name) => TRACE_FILE.test(name));
  for (const name of names.sort()) {
    const lines = readLines(join(folder, name));
    const timeline = await buildTimeline(lines, late, resolution, signal);
    if (timeline.calls > 0) threads.push(timeline);
  }
  threads.sort((a, b) => a.pid - b.pid || a.thread - b.thread);
  const start = threads.reduce((first, thread) => Math.min(first, thread.start), Infinity);
  const end = threads.reduce((last, thread) => Math.max(last, thread.end), -Infinity);
  return { command, start, end, late, resolution: resolution.period, threads };
}

/** The name and the statistics of one vector. */
export interface VectorSummary extends VectorFigures {
  readonly pid: number;
  readonly thread: number;
  readonly device: string;
  readonly irq: string;
  readonly vector: number;
}

/** Returns the statistics of each vector. */
export function summarize({ threads }: Trace): VectorSummary[] {
  return threads.flatMap(({ pid, thread, vectors }) =>
    vectors.map(({ device, irq, vector, figures }) => ({
      ...{ pid, thread, device, irq, vector },
      ...figures,
    })),
  );
}

/**
 * Returns sentences about calls that the trace merges or lacks. The list is empty if the trace
 * shows each call separately.
 */
export function describeGaps({ threads, resolution, start }: Trace): string[] {
  const stopped = threads.flatMap((thread) =>
    thread.stopped === null
      ? []
      : [
          `The trace of process ${thread.pid}, thread ${thread.thread} ends ` +
            `${((thread.end - start) / 1e9).toFixed(3)} s after the first call, because the ` +
            `tracer stopped: ${thread.stopped}.`,
        ],
  );
  if (resolution === 0) return stopped;
  const calls = threads.reduce((n, thread) => n + thread.calls, 0);
  const entries = threads.flatMap(({ rows }) => rows).reduce((n, row) => n + row.calls.length, 0);
  const merged =
    `The timeline shows ${calls.toLocaleString('en')} calls as ` +
    `${entries.toLocaleString('en')} bars: neighbours within ${resolution / 1000} µs are one bar. ` +
    'The figures of the vectors cover every interrupt.';
  return [merged, ...stopped];
}
