import { readerGone } from '../output.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const CTRL_C = '\u0003';

/** Waits for the end: a signal, q on the keyboard, or nobody who reads on. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];

  constructor() {
    const stop = () => {
      this.#controller.abort();
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
    stdin.setRawMode(true);
    stdin.on('data', onData);
    this.#undo.push(() => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
    });
  }
}
