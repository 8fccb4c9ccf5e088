import type { AccessNames } from './access.js';
import { now } from './clock.js';
import { Resolution } from './bounded-list.js';
import type { Ending } from './ending.js';
import type { Finding } from './explain/finding.js';
import type { Line } from './format.js';
import type { KernelFaults } from './kernel-faults.js';
import { Latencies } from './latencies.js';
import { isCall } from './merged-lines.js';
import { readLines } from './read-lines.js';
import { Recording } from './recording.js';
import { readTimeline, type ThreadTimeline, type TimelineBuilder } from './timeline.js';
import { traceFiles } from './trace-files.js';
import type { VectorFigures } from './vector-timeline.js';

/**
 * A delivery is late if it takes longer than this multiple of the median of all deliveries, and
 * longer than {@link MIN_LATE}. A slow machine therefore does not make every delivery late.
 */
const LATE_MEDIANS = 10;
/** Nanoseconds. */
const MIN_LATE = 1e6;

/** The calls and interrupts of a traced command. Times are in nanoseconds of CLOCK_MONOTONIC. */
export interface Trace {
  readonly command: string;
  /** Time of the start of the first trace file. */
  readonly start: number;
  /** End of the program, or of its last call. */
  readonly end: number;
  /** How the program ended: `exit code 9`, `SIGTERM after 20 s` or `still waiting after 20 s`. */
  readonly ended: string;
  /** What can explain that the program did not continue. */
  readonly findings: readonly Finding[];
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

/** What the caller of {@link readTrace} knows of the program. */
export interface TraceOptions {
  /** The command line; null means the command line in the trace. */
  readonly command: string | null;
  /**
   * Time limit in nanoseconds from an interrupt to its delivery; a delivery after this limit is
   * late. Null means ten times the median of the trace, and at least 1 ms.
   */
  readonly late: number | null;
  /** How the program ended; null if the caller did not start the program. */
  readonly ending: Ending | null;
  /** Whether the program still runs. */
  readonly isRunning: boolean;
  readonly faults: KernelFaults;
  readonly names?: AccessNames | undefined;
  /** An abort of this signal ends the reading with the reason of the signal. */
  readonly signal: AbortSignal;
}

/**
 * Reads the trace files of a folder, one for each thread. The memory that this needs does not
 * depend on the size of the files.
 */
export async function readTrace(folder: string, options: TraceOptions): Promise<Trace> {
  const resolution = new Resolution();
  const recording = new Recording();
  const builders: TimelineBuilder[] = [];
  for (const path of traceFiles(folder)) {
    const addLine = (line: Line) => {
      recording.add(path, line);
      if (!isCall(line) && line.type === 'registers') options.names?.define(line);
    };
    builders.push(await readTimeline(readLines(path), resolution, addLine, options.signal));
  }
  for (const fault of options.faults.take(recording.devices)) {
    recording.addFault(fault);
    for (const builder of builders) builder.add(fault);
  }
  const ending = options.ending ?? recording.ending(options.isRunning ? now() : null);
  const latencies = builders.flatMap((builder) => builder.end(ending.at));
  const median = Latencies.summarizeAll(latencies)?.median ?? 0;
  const late = options.late ?? Math.max(MIN_LATE, LATE_MEDIANS * median);
  const threads = builders
    .map((builder) => builder.build(late, options.names?.name))
    .filter(({ calls }) => calls > 0);
  threads.sort((a, b) => a.pid - b.pid || a.thread - b.thread);
  return {
    command: options.command ?? recording.command,
    start: threads.reduce((first, thread) => Math.min(first, thread.start), Infinity),
    end: threads.reduce((last, thread) => Math.max(last, thread.end), ending.at),
    ended: ending.text,
    findings: recording.findings(ending, options.names?.name),
    late,
    resolution: resolution.period,
    threads,
  };
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
