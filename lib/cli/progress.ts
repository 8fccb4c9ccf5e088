import { printable } from '../printable.js';

/** Delay before progress is shown, and interval between updates, in ms. */
const PROGRESS_DELAY_MS = 300;
const CLEAR = '\r\u001b[K';

/**
 * Shows the current step and the elapsed seconds on the last line of a terminal. If standard error
 * is not a terminal, nothing is shown.
 */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #drawn = false;
  #timer: NodeJS.Timeout | undefined;
  #started = 0;
  #text = '';

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** Starts a step. */
  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#text = printable(text);
    if (this.#timer === undefined) this.#started = performance.now();
    this.#timer ??= setInterval(() => {
      this.#draw();
    }, PROGRESS_DELAY_MS);
  }

  /** Clears the line. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#drawn) this.#stream.write(CLEAR);
    this.#drawn = false;
  }

  #draw(): void {
    this.#drawn = true;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(0);
    const room = (this.#stream.columns || 80) - seconds.length - 6;
    this.#stream.write(`${CLEAR}${this.#text.slice(0, room)} … ${seconds} s`);
  }
}

/** Shows a text as progress until the work is done. */
export async function withProgress<T>(
  text: string,
  work: Promise<T>,
  progress = new Progress(),
): Promise<T> {
  progress.show(text);
  try {
    return await work;
  } finally {
    progress.end();
  }
}
