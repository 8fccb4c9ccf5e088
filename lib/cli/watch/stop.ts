import type { VfioError } from '../../errors.js';
import { outputClosed } from '../output.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const CTRL_C = '\u0003';

/** Whether typed keys end a command without other keys. */
const isQuit = (keys: string) => keys.includes('q') || keys.includes(CTRL_C);

/**
 * Ends `vfio watch`. The cause is a signal, the key q, a closed output or a call of {@link now}.
 */
export class Stop {
  readonly #controller = new AbortController();
  /** The error that ended the watch; undefined after a normal end. */
  error: VfioError | undefined;
  readonly #undo: (() => void)[] = [];

  /** @param press - handles typed keys, and returns whether the keys end the watch */
  constructor(press: (keys: string) => boolean = isQuit) {
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
    if (process.stdin.isTTY) this.#listen(stop, press);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Ends the watch.
   *
   * @param error - the failure that ends the watch; omitted for a normal end
   */
  now(error?: VfioError): void {
    this.error ??= error;
    this.#controller.abort();
  }

  /** Removes the handlers and restores the keyboard. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #listen(stop: () => void, press: (keys: string) => boolean): void {
    const { stdin } = process;
    const onData = (keys: Buffer) => {
      if (press(keys.toString())) stop();
    };
    // Standard input fails with an error after the terminal's window is closed.
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
