import { writeSync } from 'node:fs';
import { printable } from '../printable.js';
import type { Call, Observer, Outcome } from './observer.js';

/** Standard error. `process.stderr` can throw, for example if the disk of its file is full. */
const STDERR = 2;

const ignoreOutcome = (): void => undefined;

/**
 * Runs the code of an observer inside a program. If this code throws, the observer stops for ever
 * and one line on standard error gives the reason. The program never receives the exception.
 */
export class Guard {
  readonly #variable: string;
  readonly #stop: (reason: string) => string;
  #stopped = false;

  /**
   * @param variable - the environment variable that requested the observer
   * @param stop - releases the observer's resources, and returns a sentence about the output that
   *   is kept
   */
  constructor(variable: string, stop: (reason: string) => string) {
    this.#variable = variable;
    this.#stop = stop;
  }

  /** Runs a function. If the function throws, the observer stops, and later calls run nothing. */
  run(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.#end(error);
    }
  }

  /** Returns an observer that never throws. */
  observer(observe: Observer): Observer {
    return (call: Call) => {
      if (this.#stopped) return ignoreOutcome;
      try {
        const report = observe(call);
        return (outcome: Outcome) => {
          if (this.#stopped) return;
          try {
            report(outcome);
          } catch (error) {
            this.#end(error);
          }
        };
      } catch (error) {
        this.#end(error);
        return ignoreOutcome;
      }
    };
  }

  #end(error: unknown): void {
    this.#stopped = true;
    const reason = error instanceof Error ? error.message : String(error);
    let kept = '';
    try {
      kept = this.#stop(reason);
    } catch {
      // The first failure is reported. A second failure has no further effect.
    }
    warn(`${this.#variable} stopped: ${reason}. ${kept}`);
  }
}

/** Prints a line on standard error. Never throws. */
export function warn(text: string): void {
  try {
    writeSync(STDERR, `vfio: ${printable(text.trimEnd())}\n`);
  } catch {
    // Standard error is closed or full, so no place is left for the message.
  }
}
