import { checkInteger } from '../../checks.js';

/** Runs a check periodically. The timer does not keep the process alive. */
export class Watch {
  readonly #run: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Starts the timer again. @param intervalMs - interval in milliseconds, 1 to 2^31 - 1 */
  start(intervalMs: number): void {
    checkInteger(intervalMs, 'intervalMs', 1, 2 ** 31 - 1);
    this.stop();
    this.#timer = setInterval(this.#run, intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
