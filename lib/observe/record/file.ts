import { openSync, writeSync } from 'node:fs';
import { toJsonLine } from '../../run/json.js';
import type { Answer, Reply } from '../../run/answers.js';

/** Operations that a program repeats in a loop to poll a register. */
const POLLED: readonly string[] = ['read', 'mmio_read'];

/** The file of a record. The file is a script with the answer to each line. */
export class RecordFile {
  readonly #fd: number;
  #last = '';

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Creates a file. If a file exists at `path`, the name of the new file gets the suffix `.2`, `.3`
   * and so on.
   */
  static create(path: string): RecordFile {
    for (let n = 1; ; n++) {
      try {
        return new RecordFile(openSync(n === 1 ? path : `${path}.${n}`, 'wx'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /**
   * Writes an operation with its answer. If a read is repeated and the answer is the same, the file
   * has one line for all repetitions.
   */
  write(operation: Readonly<Record<string, unknown>>, answer: Answer): void {
    const line = toJsonLine({ ...operation, answer });
    if (line === this.#last && POLLED.includes(operation.op as string)) return;
    this.#last = line;
    writeSync(this.#fd, `${line}\n`);
  }

  /** Writes a line of a script with its answer. Lines that are not JSON are skipped. */
  writeScriptLine(line: string, reply: Reply): void {
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
