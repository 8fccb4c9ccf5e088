import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ends the work of a command at a signal. The second signal of a kind ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];
  /** The exit code after the signal, as a shell returns it. 0 before the signal. */
  exitCode = 0;

  constructor() {
    for (const name of SIGNALS) {
      const interrupt = () => {
        this.exitCode = 128 + constants.signals[name];
        this.#controller.abort();
      };
      process.once(name, interrupt);
      this.#undo.push(() => process.off(name, interrupt));
    }
  }

  /** Is aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Removes the handlers. */
  close(): void {
    for (const undo of this.#undo) undo();
  }
}
