import type { VfioError } from '../../errors.js';
import { outputClosed } from '../output.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const CTRL_C = '\u0003';

/** Ends the watch: on a signal, q on the keyboard, a closed output, or a call of {@link now}. */
export class Stop {
  readonly #controller = new AbortController();
  /** The reason, if it is a failure. */
  error: VfioError | undefined;
  readonly #undo: (() => void)[] = [];

  constructor() {
    const stop = () => {
      this.now();
    };
    for (const signal of SIGNALS) {
      process.on(signal, stop);
      this.#undo.push(() => process.off(signal, stop));
    }
    outputClosed.addEventListener('abort', stop);
    this.#undo.push(() => {
      outputClosed.removeEventListener('abort', stop);
    });
    if (process.stdin.isTTY) this.#listen(stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the watch. @param error - the reason, if it is a failure */
  now(error?: VfioError): void {
    this.error ??= error;
    this.#controller.abort();
  }

  /** Removes the handlers and restores the keyboard. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #listen(stop: () => void): void {
    const { stdin } = process;
    const onData = (keys: Buffer) => {
      const text = keys.toString();
      if (text.includes('q') || text.includes(CTRL_C)) stop();
    };
    // After its window is closed, standard input fails with an error.
    stdin.on('error', stop);
    stdin.setRawMode(true);
    stdin.on('data', onData);
    this.#undo.push(() => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
    });
  }
}
