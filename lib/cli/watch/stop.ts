import type { VfioError } from '../../errors.js';
import { readerGone } from '../output.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const CTRL_C = '\u0003';

/** Waits for the end: a signal, q on the keyboard, nobody who reads on, or what calls it off. */
export class Stop {
  readonly #controller = new AbortController();
  /** Why, if it is a failure. */
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
    readerGone.addEventListener('abort', stop);
    this.#undo.push(() => {
      readerGone.removeEventListener('abort', stop);
    });
    if (process.stdin.isTTY) this.#listen(stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param error - what the reason is, if it is a failure */
  now(error?: VfioError): void {
    this.error ??= error;
    this.#controller.abort();
  }

  /** Takes its handlers away, and gives the keyboard back. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #listen(stop: () => void): void {
    const { stdin } = process;
    const onData = (keys: Buffer) => {
      const text = keys.toString();
      if (text.includes('q') || text.includes(CTRL_C)) stop();
    };
    // A window that was closed has no keyboard to give back.
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
