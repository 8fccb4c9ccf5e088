import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Line } from './format.js';
import { buildTimeline, type ThreadTimeline } from './timeline.js';

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
  readonly threads: readonly ThreadTimeline[];
}

/**
 * Reads a trace file that the `Log` of a thread wrote. If the program crashed, the last line can be
 * incomplete. An incomplete line is skipped.
 */
function readLines(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text) => {
      try {
        return [JSON.parse(text) as Line];
      } catch {
        return [];
      }
    });
}

/**
 * Reads the trace files of a folder, one for each thread.
 *
 * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after this
 *   limit is late
 */
export function readTrace(folder: string, command: string, late: number): Trace {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
  const lines = files.map((name) => readLines(join(folder, name)));
  const threads = lines
    .map((linesOfThread) => buildTimeline(linesOfThread, late))
    .filter(({ calls }) => calls.length > 0)
    .sort((a, b) => a.pid - b.pid || a.thread - b.thread);
  const times = threads.map(({ calls }) => calls[0]?.at ?? 0);
  const start = times.length > 0 ? Math.min(...times) : 0;
  const end = threads.reduce(
    (last, { calls }) => calls.reduce((until, call) => Math.max(until, call.end), last),
    start,
  );
  return { command, start, end, late, threads };
}

/** The statistics of one vector. `late` and `lost` are numbers of interrupts. */
export interface VectorSummary {
  readonly pid: number;
  readonly thread: number;
  readonly device: string;
  readonly irq: string;
  readonly vector: number;
  readonly interrupts: number;
  readonly deliveries: number;
  readonly late: number;
  readonly lost: number;
  /**
   * Nanoseconds from an interrupt to the call of its listeners. `latency` is null if the trace
   * contains no interrupt with a known time.
   */
  readonly latency: { readonly median: number; readonly max: number } | null;
}

/** Computes the statistics of each vector. */
export function summarize({ threads }: Trace): VectorSummary[] {
  return threads.flatMap(({ pid, thread, vectors }) =>
    vectors.map(({ device, irq, vector, interrupts }) => {
      const latencies = interrupts
        .flatMap(({ raised, delivered }) =>
          raised === null || delivered === null ? [] : [delivered - raised],
        )
        .sort((a, b) => a - b);
      const median = latencies[Math.floor(latencies.length / 2)];
      const sum = (state: string) =>
        interrupts.filter((one) => one.state === state).reduce((n, { count }) => n + count, 0);
      return {
        pid,
        thread,
        device,
        irq,
        vector,
        interrupts: interrupts.reduce((n, { count }) => n + count, 0),
        deliveries: interrupts.filter(({ delivered }) => delivered !== null).length,
        late: sum('late'),
        lost: sum('lost'),
        latency: median === undefined ? null : { median, max: latencies.at(-1) ?? median },
      };
    }),
  );
}
