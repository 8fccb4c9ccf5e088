import { setImmediate, setTimeout } from 'node:timers/promises';
import { printable } from '../../printable.js';
import type { AccessNames } from './access.js';
import { now } from './clock.js';
import type { Ending } from './ending.js';
import type { Finding } from './explain/finding.js';
import { KernelFaults } from './kernel-faults.js';
import { MergedLines } from './merged-lines.js';
import { Recording } from './recording.js';
import { TextLog } from './text-log.js';

/** Time between two looks at a file that grows, in ms. */
export const POLL_MS = 100;
/**
 * A line is printed when it is this old, in nanoseconds. A tracer keeps lines in memory for at most
 * 200 ms, and then no file has an earlier line.
 */
const DELAY = 600e6;
/** Lines are written in parts of about this number of characters. */
const PART = 1 << 16;

/** The finding for a program that was not yet ready, or that does not use this library. */
const NO_DEVICE: Finding = { device: null, text: 'the program opened no device' };

/** A place for text. The promise settles when the place accepts more. */
export type WriteText = (text: string) => Promise<void> | void;

/** A trace that a program has written, or still writes. */
export interface TraceSource {
  /** The folder with the trace files. */
  readonly folder: string;
  /** Whether the program still runs. */
  readonly isRunning: () => boolean;
  /** Returns the ending, if the caller has started the program. */
  readonly ending?: () => Ending | null;
  readonly names?: AccessNames | undefined;
  /** An abort of this signal ends the log. The program continues. */
  readonly signal: AbortSignal;
}

/** Writes the log of a trace as text. While the program runs, the log follows the program. */
export async function followTrace(source: TraceSource, write: WriteText): Promise<void> {
  const recording = new Recording();
  using faults = new KernelFaults();
  const lines = new MergedLines(source.folder, (thread, line) => {
    recording.add(thread, line);
  });
  const text = new TextLog(source.names);
  try {
    for (;;) {
      // The program could write further lines after the last read if it ended later.
      const isRunning = source.isRunning();
      const isLast = !isRunning || source.signal.aborted;
      insertFaults(faults, recording, lines);
      let part = '';
      for (const line of lines.until(isLast ? Infinity : now() - DELAY)) {
        for (const one of text.format(line)) part += `${printable(one)}\n`;
        if (part.length < PART) continue;
        await write(part);
        part = '';
        await setImmediate();
        if (source.signal.aborted) break;
      }
      if (part !== '') await write(part);
      if (isLast) {
        const ending = source.ending?.() ?? recording.ending(isRunning ? now() : null);
        const usesDevice = recording.devices.length > 0;
        const findings = usesDevice ? recording.findings(ending, source.names?.name) : [NO_DEVICE];
        await write(describeEnd(ending, findings));
        return;
      }
      await setTimeout(POLL_MS, undefined, { signal: source.signal }).catch(() => undefined);
    }
  } finally {
    lines.close();
  }
}

function insertFaults(faults: KernelFaults, recording: Recording, lines: MergedLines): void {
  for (const fault of faults.take(recording.devices)) {
    recording.addFault(fault);
    const [first] = lines.threads;
    if (first !== undefined) lines.insert(fault.at, first, fault);
  }
}

/** Returns the last lines of a log, in the style of strace. */
function describeEnd(ending: Ending, findings: readonly Finding[]): string {
  return [ending.text, ...findings.map(findingText)]
    .map((one) => `+++ ${printable(one)}\n`)
    .join('');
}

/** Returns a finding as one line. */
export function findingText({ device, text }: Finding): string {
  return device === null ? text : `${device}: ${text}`;
}
