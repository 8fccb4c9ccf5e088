import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { now } from './clock.js';
import type { Line } from './format.js';

const MAX_BUFFERED_LINES = 4096;
/** Longest time that a line stays in memory before it is written to the file. */
const FLUSH_DELAY_MS = 200;

/**
 * The trace file of one thread. Lines are written in batches. The last batch is written when the
 * thread ends. If the program crashes, only the lines of the last batch are lost.
 */
export class Log {
  readonly #fd: number;
  #lines: string[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#fd = openSync(join(folder, `${process.pid}-${threadId}.jsonl`), 'a');
    const { pid, argv } = process;
    this.write({ type: 'start', at: now(), pid, thread: threadId, argv });
  }

  write(line: Line): void {
    this.#lines.push(JSON.stringify(line));
    if (this.#lines.length >= MAX_BUFFERED_LINES) {
      this.flush();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, FLUSH_DELAY_MS).unref();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines.length === 0) return;
    writeSync(this.#fd, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}
