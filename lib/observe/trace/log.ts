import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { AppendFile, createFile } from '../append-file.js';
import { now } from './clock.js';
import type { RareLine, Start } from './format.js';

const MAX_BUFFERED_LINES = 4096;
/** Longest time that a line stays in memory before the next line writes both to the file, in ns. */
const FLUSH_AFTER = 200e6;
/** Bytes at the start of the file that are kept free for the reason of a failure. */
const STOP_ROOM = 1024;
const MAX_REASON_LENGTH = 150;

/**
 * The trace file of one thread. Lines are written in batches. The first batch has one line, so that
 * the file shows the use of a device even if the thread ends at once. If the program crashes, only
 * the lines of the last batch are lost.
 */
export class Log {
  readonly path: string;
  readonly #file: AppendFile;
  readonly #stopAt: number;
  #text = '';
  #lines = 0;
  #flushed = 0;
  #flushAfter = FLUSH_AFTER;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const { fd, path } = createFile(join(folder, `${process.pid}-${threadId}.jsonl`));
    this.path = path;
    this.#file = new AppendFile(fd);
    const { pid, argv } = process;
    const start: Start = { type: 'start', at: now(), pid, thread: threadId, argv };
    const line = `${JSON.stringify(start)}\n`;
    this.#stopAt = Buffer.byteLength(line);
    this.#file.append(`${line}${'null'.padEnd(STOP_ROOM)}\n`);
  }

  write(line: RareLine): void {
    this.writeText(JSON.stringify(line), now());
  }

  /** @param time - the present, in nanoseconds of CLOCK_MONOTONIC */
  writeText(line: string, time: number): void {
    this.#text += `${line}\n`;
    if (++this.#lines >= MAX_BUFFERED_LINES || this.isDue(time)) this.flush();
  }

  /** Whether lines have been in memory for longer than the limit. */
  isDue(time: number): boolean {
    return time - this.#flushed > this.#flushAfter;
  }

  flush(): void {
    this.#flushed = now();
    if (this.#lines === 0) return;
    const text = this.#text;
    this.#text = '';
    this.#lines = 0;
    this.#file.append(text);
  }

  /** Notes in the file that the trace is incomplete. This also works on a full disk. */
  stop(reason: string): void {
    const line = JSON.stringify({ type: 'stop', reason: reason.slice(0, MAX_REASON_LENGTH) });
    this.#file.overwrite(this.#stopAt, line);
    this.#file.close();
  }

  /** Writes each further line at once. The exit handlers of the program can still make calls. */
  endBatches(): void {
    this.#flushAfter = -Infinity;
    this.flush();
  }
}
