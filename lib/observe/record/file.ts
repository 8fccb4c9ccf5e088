import { openSync, writeSync } from 'node:fs';
import { toJsonLine } from '../../run/json.js';
import type { Answer, Reply } from '../../run/answers.js';

/** Operations of a program that waits by asking again and again. */
const ASKS: readonly string[] = ['read', 'mmio_read'];

/** A script with the answer to each line. */
export class RecordFile {
  readonly #fd: number;
  #last = '';

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** An existing file is left alone: `record`, `record.2`, `record.3`. */
  static beside(path: string): RecordFile {
    for (let n = 1; ; n++) {
      try {
        return new RecordFile(openSync(n === 1 ? path : `${path}.${n}`, 'wx'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** What is asked again, with the same answer, is one line. */
  write(operation: Readonly<Record<string, unknown>>, answer: Answer): void {
    const line = toJsonLine({ ...operation, answer });
    if (line === this.#last && ASKS.includes(operation.op as string)) return;
    this.#last = line;
    writeSync(this.#fd, `${line}\n`);
  }

  /** A line of a script as it was given; what is no JSON is left out. */
  add(line: string, reply: Reply): void {
    let operation: object;
    try {
      operation = JSON.parse(line) as object;
    } catch {
      return;
    }
    const answer = { ...reply, recorded: undefined };
    writeSync(this.#fd, `${toJsonLine({ ...operation, answer })}\n`);
  }
}
