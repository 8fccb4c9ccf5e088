import { AppendFile } from '../append-file.js';
import { toJsonLine } from '../../run/json.js';
import type { Answer, Reply } from '../../run/answers.js';

/** Operations that a program repeats in a loop to poll a register. */
const POLLED: readonly string[] = ['read', 'mmio_read'];

/** The file of a record. The file is a script with the answer to each line. */
export class RecordFile {
  readonly #file: AppendFile;
  #last = '';

  /** @param fd - an empty file that is open for writing */
  constructor(fd: number) {
    this.#file = new AppendFile(fd);
  }

  /**
   * Writes an operation with its answer. If a read is repeated and the answer is the same, the file
   * has one line for all repetitions.
   */
  write(operation: Readonly<Record<string, unknown>>, answer: Answer): void {
    const line = toJsonLine({ ...operation, answer });
    if (line === this.#last && POLLED.includes(operation.op as string)) return;
    this.#last = line;
    this.#file.append(`${line}\n`);
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
    this.#file.append(`${toJsonLine({ ...operation, answer })}\n`);
  }
}
