/** Sooner than that nobody wonders. */
const PATIENCE = 300;
const CLEAR = '\r\u001b[K';

/**
 * What takes long is told on the last line of a terminal, with the seconds it took so far. Where
 * standard error is no terminal nothing is told.
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

  /** @param text - what is going on from now on */
  show(text: string): void {
    if (!this.#stream.isTTY) return;
    this.#text = text;
    if (this.#timer === undefined) this.#started = performance.now();
    this.#timer ??= setInterval(() => {
      this.#draw();
    }, PATIENCE);
  }

  /** Leaves the line empty. */
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

/** Tells what is going on until it is done. */
export async function during<T>(
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
