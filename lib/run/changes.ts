import { constants } from 'node:buffer';
import { Counters } from './counters.js';
import { OperationError } from './fields.js';
import { retry } from './retry.js';
import { Rings } from './rings.js';

const WORD = 4;
/** The largest buffer of a record in bytes. Newer versions of Node.js have no useful limit. */
const SIZE_MAX = Math.min(constants.MAX_LENGTH, 2 ** 32);

/** The fields of a line that the scan of a record uses. */
interface Line {
  readonly op?: unknown;
  readonly name?: unknown;
  readonly size?: unknown;
  readonly offset?: unknown;
  readonly data?: unknown;
  readonly inferred?: unknown;
  readonly answer?: { readonly data?: unknown };
}

/** What a record says about one buffer. */
class RecordedBuffer {
  readonly counters = new Counters();
  /** For each word, 1 if the device changed the word somewhere in the record. */
  isDevices: Uint8Array | null = null;
  /**
   * The contents according to the lines that were replayed so far; null if the record contains no
   * inferred change of the program.
   */
  contents: Buffer | null = null;

  constructor(readonly size: number) {}

  markDeviceChange(start: number, length: number): void {
    this.isDevices ??= new Uint8Array(this.size / WORD);
    this.isDevices.fill(1, start / WORD, (start + length) / WORD);
  }

  isDeviceWord(offset: number): boolean {
    return this.isDevices?.[offset / WORD] === 1;
  }
}

/**
 * The changes of memory that a recorder inferred. A replay must never write bytes that the device
 * wrote in the record. The record is therefore scanned before the replay.
 */
export class RecordedChanges {
  readonly #buffers = new Map<string, RecordedBuffer>();
  readonly #rings = new Rings();
  #hasInterrupt = false;
  /** The first line that contains a change whose writer could be the device. */
  #ambiguous: { readonly line: number; readonly name: string } | null = null;
  #lines = 0;
  /** The buffers that the device changed since the last line with another operation. */
  readonly #changedNow = new Set<string>();

  /** Scans one line of a record. All lines must be scanned before the first line is replayed. */
  scan(text: string): void {
    this.#lines++;
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      return;
    }
    if (typeof line !== 'object' || (line as Line | null) === null) return;
    this.#rings.observe(line);
    const { op, inferred } = line;
    const name = String(line.name);
    if (inferred !== true || op !== 'buffer_read') this.#changedNow.clear();
    if (op === 'eventfd_read') this.#hasInterrupt = true;
    if (op === 'buffer') this.#buffers.set(name, new RecordedBuffer(Number(line.size)));
    const buffer = this.#buffers.get(name);
    if (inferred !== true || buffer === undefined || !isInside(buffer, line)) return;
    if (op === 'buffer_write') {
      this.#ambiguous ??= { line: this.#lines, name };
      buffer.contents ??= Buffer.alloc(buffer.size);
    } else if (op === 'buffer_read') {
      const data = Buffer.from(String(line.answer?.data), 'hex');
      buffer.markDeviceChange(Number(line.offset), data.length);
      if (this.#rings.isRing(name)) {
        buffer.counters.scan(Number(line.offset), data, !this.#changedNow.has(name));
      }
      this.#changedNow.add(name);
    }
  }

  /** The reason why a scanned record cannot be replayed; null if the record can be replayed. */
  get refusal(): string | null {
    if (this.#ambiguous === null || this.#hasInterrupt) return null;
    const { line, name } = this.#ambiguous;
    return (
      `line ${line}: the device could have made this change of ${name}: the device was allowed to ` +
      'write the memory, and the record has no interrupt that separates the changes'
    );
  }

  /** Stores a write that a replay made. */
  noteWrite(name: string, offset: number, data: Uint8Array): void {
    this.#buffers.get(name)?.contents?.set(data, offset);
  }

  /**
   * Replays a change that a recorder inferred to be the program's. Words that the device changed
   * anywhere in the record are not written. The replay waits until the device has written them.
   *
   * @param target - the bytes of the buffer
   * @throws OperationError if the device has not written its words, or has written other words
   */
  async write(name: string, offset: number, data: Uint8Array, target: Uint8Array): Promise<void> {
    const buffer = this.#find(name, offset, data.length);
    const now = Buffer.from(target.buffer, target.byteOffset, target.length);
    const words = Array.from({ length: data.length / WORD }, (_, i) => i * WORD);
    const isDevices = (at: number) => buffer.isDeviceWord(offset + at);
    const isDone = (at: number) => now.compare(data, at, at + WORD, at, at + WORD) === 0;
    const written = words.filter(isDevices);
    if (!(await retry(() => written.every(isDone)))) {
      throw new OperationError(
        `the device has not written ${rangeOf(name, offset, written)} as recorded, ` +
          'or the program wrote bytes that the device writes, too',
      );
    }
    const own = words.filter((at) => !isDevices(at));
    const { contents } = buffer;
    const isUnchanged = (at: number) =>
      contents === null ||
      now.compare(contents, offset + at, offset + at + WORD, at, at + WORD) === 0;
    const lost = own.filter((at) => !isUnchanged(at) && !isDone(at));
    if (lost.length > 0) {
      throw new OperationError(
        `the device wrote to ${rangeOf(name, offset, lost)}, which the record does not contain`,
      );
    }
    if (written.length === 0) target.set(data);
    else for (const at of own) target.set(data.subarray(at, at + WORD), at);
  }

  /**
   * Returns the comparison for a change that a recorder inferred to be the device's.
   *
   * @param recorded - the recorded bytes in hex
   * @returns a function that compares bytes in hex with the record; an index of a ring can be
   *   larger than recorded
   */
  expectChange(name: string, offset: number, recorded: string): (data: string) => boolean {
    const expected = Buffer.from(recorded, 'hex');
    const buffer = this.#find(name, offset, expected.length);
    const remaining = buffer.counters.advance(offset, expected);
    return (data) => {
      const now = Buffer.from(data, 'hex');
      for (const [at, most] of remaining) {
        if (now.length < at + 2) return false;
        const value = expected.readUInt16LE(at);
        if (((now.readUInt16LE(at) - value) & 0xffff) <= most) now.writeUInt16LE(value, at);
      }
      return now.equals(expected);
    };
  }

  #find(name: string, offset: number, length: number): RecordedBuffer {
    if (this.#lines === 0) {
      throw new OperationError('a record is read twice, so the record must be a file');
    }
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) throw new OperationError(`unknown buffer "${name}"`);
    if (offset % WORD !== 0 || length % WORD !== 0) {
      throw new OperationError(`an inferred change consists of words of ${WORD} bytes`);
    }
    return buffer;
  }
}

/** Whether a line of a record lies in its buffer. If not, the replay of the line fails. */
function isInside({ size }: RecordedBuffer, { offset, data, answer }: Line): boolean {
  const length = String(data ?? answer?.data).length / 2;
  return size <= SIZE_MAX && Number(offset) >= 0 && Number(offset) + length <= size;
}

function rangeOf(name: string, offset: number, words: readonly number[]): string {
  const first = offset + (words[0] ?? 0);
  const end = offset + (words.at(-1) ?? 0) + WORD;
  return `bytes 0x${first.toString(16)} to 0x${(end - 1).toString(16)} of ${name}`;
}
