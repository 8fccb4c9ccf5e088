import type { CallLine, Line, ObjectLine, RareLine, Start } from './format.js';
import { LineReader } from './read-lines.js';
import { traceFiles } from './trace-files.js';

/**
 * Number of lines that are sorted by time. Lines of one file are nearly in the order of time: the
 * time of a call is its start, and the thread that watches eventfds reports signals later.
 */
const WINDOW = 1 << 15;

/** The objects and the name of the thread that a trace file belongs to. */
export interface TracedThread {
  start: Start | null;
  readonly objects: Map<number, ObjectLine>;
}

/** A line with its thread, in the order of time. */
export interface ThreadLine {
  /** Time by which the lines are sorted: the start of a call, or the end of a resumed call. */
  readonly at: number;
  readonly thread: TracedThread;
  readonly line: Line;
  /** Whether the line is the end of a call whose {@link BeginLine} was returned already. */
  readonly isResumed: boolean;
}

/** `Array.isArray` does not narrow readonly arrays. */
export function isCall(line: Line): line is CallLine {
  return Array.isArray(line);
}

/** Merges the lines of all threads of a trace in the order of time. The trace can still grow. */
export class MergedLines {
  readonly #folder: string;
  readonly #onLine: (thread: TracedThread, line: Line) => void;
  readonly #files = new Map<string, TraceFile>();
  #sorted: ThreadLine[] = [];

  /** @param onLine - receives each line, in the order of the files */
  constructor(folder: string, onLine: (thread: TracedThread, line: Line) => void) {
    this.#folder = folder;
    this.#onLine = onLine;
  }

  /** Returns the lines until a time. Later lines of the files are kept for the next call. */
  *until(time: number): Generator<ThreadLine> {
    for (const path of traceFiles(this.#folder)) {
      if (!this.#files.has(path)) this.#files.set(path, new TraceFile(path, this.#onLine));
    }
    for (;;) {
      const [first, second] = this.#earliest();
      if (first === null) break;
      for (const line of first.take(second)) this.#sorted.push(line);
      if (this.#sorted.length >= 2 * WINDOW) yield* this.#release(this.#sort().splice(0, WINDOW));
    }
    this.#sort();
    const later = this.#sorted.findIndex(({ at }) => at > time);
    yield* this.#release(this.#sorted.splice(0, later < 0 ? this.#sorted.length : later));
  }

  /** Adds a line that is in no file. */
  insert(at: number, thread: TracedThread, line: RareLine): void {
    this.#sorted.push({ at, thread, line, isResumed: false });
  }

  /** The threads whose files were opened so far. */
  get threads(): TracedThread[] {
    return [...this.#files.values()].map(({ thread }) => thread);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
  }

  #sort(): ThreadLine[] {
    return this.#sorted.sort((a, b) => a.at - b.at);
  }

  *#release(lines: readonly ThreadLine[]): Generator<ThreadLine> {
    for (const line of lines) if (wasReleased(line)) yield line;
  }

  /** Returns the file with the earliest next line, and the time of the next line of all others. */
  #earliest(): [TraceFile | null, number] {
    let [first, second]: [TraceFile | null, number] = [null, Infinity];
    let at = Infinity;
    for (const file of this.#files.values()) {
      const next = file.next();
      if (next === null) continue;
      if (first === null || next < at) {
        second = Math.min(second, at);
        [first, at] = [file, next];
      } else {
        second = Math.min(second, next);
      }
    }
    return [first, second];
  }
}

/** The start of a call. The line is omitted if the end of the call was read in time. */
class Begun {
  state: 'waiting' | 'released' | 'ended' = 'waiting';
}

const begun = new WeakMap<Line, Begun>();

/** Marks a line as released. @returns false if the line must be omitted */
function wasReleased({ line }: ThreadLine): boolean {
  const begin = begun.get(line);
  if (begin?.state === 'ended') return false;
  if (begin !== undefined) begin.state = 'released';
  return true;
}

/** The lines of one file that are not merged yet. */
class TraceFile {
  readonly #reader: LineReader<Line>;
  readonly #onLine: (thread: TracedThread, line: Line) => void;
  readonly thread: TracedThread = { start: null, objects: new Map() };
  /** The calls that have not returned. */
  readonly #begun = new Map<string, Begun>();
  #lines: Line[] = [];
  #position = 0;
  #time = 0;

  constructor(path: string, onLine: (thread: TracedThread, line: Line) => void) {
    this.#reader = new LineReader(path);
    this.#onLine = onLine;
  }

  /** Returns the time of the next line; null if no further line is complete at present. */
  next(): number | null {
    while (this.#position === this.#lines.length) {
      const lines = this.#reader.read();
      if (lines === null) return null;
      this.#lines = lines;
      this.#position = 0;
    }
    const next = this.#lines[this.#position];
    return next === undefined ? null : this.#timeOf(next);
  }

  /** Returns the lines that are in memory, until a time, and at least one line. */
  *take(until: number): Generator<ThreadLine> {
    for (let isFirst = true; ; isFirst = false) {
      const line = this.#lines[this.#position];
      if (line === undefined || (!isFirst && this.#timeOf(line) > until)) return;
      this.#position++;
      const taken = this.#read(line);
      if (taken !== null) yield taken;
      this.#time = this.#timeOf(line);
    }
  }

  close(): void {
    this.#reader.close();
  }

  /** A line without a time has the time of the line before. */
  #timeOf(line: Line): number {
    if (isCall(line)) return line[0];
    return 'at' in line ? line.at : this.#time;
  }

  #read(line: Line): ThreadLine | null {
    const thread = this.thread;
    this.#onLine(thread, line);
    if (isCall(line)) return this.#readCall(line);
    this.#readRare(line);
    if (line.type === 'object') return null;
    return { at: this.#timeOf(line), thread, line, isResumed: false };
  }

  #readRare(line: RareLine): void {
    if (line.type === 'start') this.thread.start = line;
    if (line.type === 'object') this.thread.objects.set(line.id, line);
    if (line.type !== 'begin') return;
    const begin = new Begun();
    begun.set(line, begin);
    this.#begun.set(beginKey(line.object, line.method, line.at), begin);
  }

  #readCall(line: CallLine): ThreadLine {
    const [at, duration, object, method] = line;
    const thread = this.thread;
    const key = this.#begun.size === 0 ? '' : beginKey(object, method, at);
    const begin = this.#begun.get(key);
    if (begin === undefined) return { at, thread, line, isResumed: false };
    this.#begun.delete(key);
    if (begin.state === 'released') return { at: at + duration, thread, line, isResumed: true };
    begin.state = 'ended';
    return { at, thread, line, isResumed: false };
  }
}

function beginKey(object: number, method: string, at: number): string {
  return `${object} ${method} ${at}`;
}
