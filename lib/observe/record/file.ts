import { AppendFile } from '../append-file.js';
import { toJsonLine } from '../../run/json.js';
import type { Answer, Reply } from '../../run/answers.js';
import { LineBytes } from './line-bytes.js';
import type { Change } from './memory.js';

/** Operations that a program repeats in a loop to poll a register. */
const POLLED: readonly string[] = ['read', 'mmio_read'];

/** Number of bytes that are written together. */
const MAX_BYTES = 1 << 16;

const LENGTH = Buffer.from(',"length":');
const DATA = Buffer.from(',"data":"');
const DEVICE_DATA = Buffer.from(',"inferred":true,"answer":{"ok":true,"data":"');
const END_OF_DEVICE_DATA = Buffer.from('"}}\n');
const END_OF_DATA = Buffer.from('","answer":{"ok":true}}\n');
const END_OF_INFERRED_DATA = Buffer.from('","inferred":true,"answer":{"ok":true}}\n');

/** The file of a record. The file is a script with the answer to each line. */
export class RecordFile {
  readonly #file: AppendFile;
  #last = '';
  /** Lines that are not yet in the file. */
  readonly #lines = new LineBytes();
  /** The starts of the lines of changes, by operation and name. */
  readonly #heads = {
    buffer_read: new Map<string, Buffer>(),
    buffer_write: new Map<string, Buffer>(),
  };

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
    const fields = plainFields(operation);
    const answered = plainFields(answer);
    const line =
      fields === null || answered === null
        ? toJsonLine({ ...operation, answer })
        : `{${fields},"answer":{${answered}}}`;
    if (line === this.#last && POLLED.includes(operation.op as string)) {
      this.flush();
      return;
    }
    this.#append(line);
  }

  /** Writes a change of memory that the recorder attributes to the device. */
  writeDeviceChange(change: Change): void {
    const { offset, length, contents } = change;
    const lines = this.#lines;
    lines.addBytes(this.#headOf('buffer_read', change));
    lines.addInteger(offset);
    lines.addBytes(LENGTH);
    lines.addInteger(length);
    lines.addBytes(DEVICE_DATA);
    lines.addHex(contents, offset, offset + length);
    lines.addBytes(END_OF_DEVICE_DATA);
    this.#endLine('');
  }

  /** Writes a change of memory that the program made. @param isInferred - see `docs/run.md` */
  writeProgramChange(change: Change, isInferred: boolean): void {
    const { offset, length, contents } = change;
    const lines = this.#lines;
    lines.addBytes(this.#headOf('buffer_write', change));
    lines.addInteger(offset);
    lines.addBytes(DATA);
    lines.addHex(contents, offset, offset + length);
    lines.addBytes(isInferred ? END_OF_INFERRED_DATA : END_OF_DATA);
    this.#endLine('');
  }

  /** Writes the lines that are still in memory. */
  flush(): void {
    if (this.#lines.length > 0) this.#file.append(this.#lines.take());
  }

  #headOf(op: 'buffer_read' | 'buffer_write', { name }: Change): Buffer {
    const heads = this.#heads[op];
    let head = heads.get(name);
    if (head === undefined) {
      head = Buffer.from(`{"op":"${op}","name":${JSON.stringify(name)},"offset":`);
      heads.set(name, head);
    }
    return head;
  }

  #append(line: string): void {
    this.#lines.addText(`${line}\n`);
    this.#endLine(line);
  }

  /** Ends a line. @param line - the line, if a repetition can be omitted; otherwise `''` */
  #endLine(line: string): void {
    this.#last = line;
    if (this.#lines.length >= MAX_BYTES) this.flush();
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

/**
 * Formats the fields of a JSON object, without the braces. The function is twice as fast as
 * JSON.stringify. Returns null if a value needs a conversion.
 */
function plainFields(object: Readonly<Record<string, unknown>>): string | null {
  let text = '';
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value === undefined) continue;
    if (text !== '') text += ',';
    const isNumber = typeof value === 'number' && Number.isFinite(value);
    if (isNumber || typeof value === 'boolean') text += `"${name}":${value}`;
    else if (typeof value === 'string') text += `"${name}":${JSON.stringify(value)}`;
    else return null;
  }
  return text;
}
