import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { now } from './clock.js';
import type { Line } from './format.js';

const LINES_KEPT = 4096;
const MOST_MS = 200;

/**
 * The file of one thread. It is written in pieces and when the thread ends, so that a program that
 * crashes leaves all but the last moment.
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
    if (this.#lines.length >= LINES_KEPT) {
      this.flush();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, MOST_MS).unref();
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
