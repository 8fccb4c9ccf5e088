import type { NameAccess } from './access.js';
import { exited, killed, running, type Ending } from './ending.js';
import { Explanation } from './explain/explanation.js';
import type { Finding } from './explain/finding.js';
import type { DmaFaultLine, Line, Start } from './format.js';
import { isCall } from './merged-lines.js';

/** What a trace says about the end of one thread. */
class ThreadEnd {
  readonly explanation = new Explanation();
  start: Start | null = null;
  exitCode: number | null = null;
  /** Time of the last line. */
  last = 0;

  add(line: Line): void {
    this.explanation.add(line);
    if (isCall(line)) {
      this.last = Math.max(this.last, line[0] + line[1]);
      return;
    }
    if ('at' in line) this.last = Math.max(this.last, line.at);
    if (line.type === 'start') this.start = line;
    if (line.type === 'end') this.exitCode = line.exitCode;
  }
}

/** Finds out from the lines of a trace how the program ended, and why. */
export class Recording {
  readonly #threads = new Map<unknown, ThreadEnd>();

  /** The names of the devices that the program used. */
  get devices(): string[] {
    const threads = [...this.#threads.values()];
    return [...new Set(threads.flatMap(({ explanation }) => explanation.devices))];
  }

  /** The command line of the first process. */
  get command(): string {
    return this.#first?.start?.argv.join(' ') ?? '';
  }

  /** Adds a line. @param thread - a value that stands for the thread of the line */
  add(thread: unknown, line: Line): void {
    let end = this.#threads.get(thread);
    if (end === undefined) this.#threads.set(thread, (end = new ThreadEnd()));
    end.add(line);
  }

  /** Adds a DMA fault that the kernel has logged to the threads that use the device. */
  addFault(fault: DmaFaultLine): void {
    for (const { explanation } of this.#threads.values()) {
      if (explanation.devices.includes(fault.device)) explanation.add(fault);
    }
  }

  /** Returns how the first process ended. @param now - the present if the program still runs */
  ending(now: number | null): Ending {
    const first = this.#first;
    const start = first?.start?.at ?? 0;
    const threads = [...this.#threads.values()];
    if (now !== null) {
      return running(
        threads.some(({ explanation }) => explanation.isWaiting),
        start,
        now,
      );
    }
    const last = threads.reduce((latest, thread) => Math.max(latest, thread.last), 0);
    const exitCode = first?.exitCode ?? null;
    return exitCode === null ? killed(start, last) : exited(exitCode, last);
  }

  /** Explains the end of the program. @param name - names the registers */
  findings(ending: Ending, name?: NameAccess): Finding[] {
    return [...this.#threads.values()].flatMap(({ explanation }) =>
      explanation.findings(ending, ending.at, name),
    );
  }

  get #first(): ThreadEnd | undefined {
    const mains = [...this.#threads.values()].filter(({ start }) => start?.thread === 0);
    return mains.sort((a, b) => (a.start?.at ?? 0) - (b.start?.at ?? 0))[0];
  }
}
