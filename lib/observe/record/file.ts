import { AppendFile } from '../append-file.js';
import { toJsonLine } from '../../run/json.js';
import type { Answer, Reply } from '../../run/answers.js';
import type { Change } from './memory.js';

/** Operations that a program repeats in a loop to poll a register. */
const POLLED: readonly string[] = ['read', 'mmio_read'];

/** Number of characters that are written together. */
const MAX_TEXT = 1 << 16;

/** The file of a record. The file is a script with the answer to each line. */
export class RecordFile {
  readonly #file: AppendFile;
  #last = '';
  /** Lines that are not yet in the file. */
  #text = '';

  /** @param fd - an empty file that is open for writing */
  constructor(fd: number) {
    this.#file = new AppendFile(fd);
  }

  /**
   * Writes an operation with its answer. If a read is repeated and the answer is the same, the file
   * has one line for all repetitions. Lines are written together, because each write to the file is
   * a system call. A program that polls a register can be killed, so the first repetition of a read
   * writes all lines.
   */
  write(operation: Readonly<Record<string, unknown>>, answer: Answer): void {
    const hasOnlyPlain = isPlain(operation) && isPlain(answer);
    const line = (hasOnlyPlain ? JSON.stringify : toJsonLine)({ ...operation, answer });
    if (line === this.#last && POLLED.includes(operation.op as string)) {
      this.flush();
      return;
    }
    this.#append(line);
  }

  /**
   * Writes a change of memory that the recorder infers to be the device's. Programs change memory
   * more often than they make calls, and a template is five times faster than JSON.stringify.
   *
   * @param name - the name of the buffer, which consists of letters and digits
   */
  writeDeviceChange(name: string, { offset, length, data }: Change): void {
    this.#append(
      `{"op":"buffer_read","name":"${name}","offset":${offset},"length":${length},` +
        `"inferred":true,"answer":{"ok":true,"data":"${data}"}}`,
    );
  }

  /** Writes a change of memory that the program made. @param isInferred - see `docs/run.md` */
  writeProgramChange(name: string, { offset, data }: Change, isInferred: boolean): void {
    const inferred = isInferred ? '"inferred":true,' : '';
    this.#append(
      `{"op":"buffer_write","name":"${name}","offset":${offset},"data":"${data}",` +
        `${inferred}"answer":{"ok":true}}`,
    );
  }

  /** Writes the lines that are still in memory. */
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#file.append(text);
  }

  #append(line: string): void {
    this.#last = line;
    this.#text += `${line}\n`;
    if (this.#text.length >= MAX_TEXT) this.flush();
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
    this.#append(toJsonLine({ ...operation, answer }));
    this.flush();
  }
}

/** Whether JSON can contain the values without a conversion. This is faster than a replacer. */
function isPlain(object: object): boolean {
  for (const value of Object.values(object) as unknown[]) {
    if (typeof value === 'object' || typeof value === 'bigint') return false;
  }
  return true;
}
