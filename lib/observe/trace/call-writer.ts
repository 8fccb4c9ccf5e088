import type { Call, Outcome, Subject } from '../index.js';
import { now } from './clock.js';
import { describeArgs, describeOutcome } from './describe.js';
import type { Log } from './log.js';

/** Reads of one register. Their arguments and results are numbers. */
const READS = new Set(['read8', 'read16', 'read32', 'read64', 'load']);

/** Calls that block their thread until the device or the host has done something. */
const BLOCKS = new Set(['wait', 'spin', 'resetSync', 'hotReset', 'synchronizeIrqs']);
/** Calls that return at once. Their promises settle when the device or the host is ready. */
const SETTLES_LATER = new Set(['device.reset', 'addressSpace.map', 'createdSpace.map']);

/** A read that is not yet in the log, because the next call can be the same read. */
interface RepeatedRead {
  readonly call: Call;
  readonly args: string;
  readonly value: unknown;
  readonly at: number;
  end: number;
  count: number;
}

/**
 * Writes calls to a log. Consecutive reads of one register with the same result, as in a polling
 * loop, become one line.
 */
export class CallWriter {
  readonly #log: Log;
  readonly #onDue: () => void;
  readonly #written = new Set<number>();
  #read: RepeatedRead | null = null;

  /** @param onDue - called when lines have been in memory for longer than the limit */
  constructor(log: Log, onDue: () => void) {
    this.#log = log;
    this.#onDue = onDue;
  }

  /** Notes the start of a call. The returned function notes the end of the call. */
  begin(call: Call): (outcome: Outcome) => void {
    const last = this.#read;
    const repeated = last !== null && isSameRead(last.call, call) ? last : null;
    const args = repeated === null ? describeArgs(call) : repeated.args;
    const at = now();
    this.#writeBegin(call, args, at);
    return (outcome) => {
      const end = now();
      const value = 'value' in outcome ? outcome.value : undefined;
      if (repeated !== null && repeated === this.#read && repeated.value === value) {
        repeated.end = end;
        repeated.count++;
      } else {
        this.settle();
        if (READS.has(call.method) && value !== undefined) {
          this.#read = { call, args, value, at, end, count: 1 };
        } else {
          this.#write(call, args, at, end, outcome, 1);
        }
      }
      if (this.#log.isDue(end)) this.#onDue();
    };
  }

  /** Passes the last read to the log. Call `settle()` before another line is written to the log. */
  settle(): void {
    const read = this.#read;
    if (read === null) return;
    this.#read = null;
    const { call, args, value, at, end, count } = read;
    this.#write(call, args, at, end, { value }, count);
  }

  flush(): void {
    this.settle();
    this.#log.flush();
  }

  #write(call: Call, args: string, at: number, end: number, outcome: Outcome, count: number): void {
    const { subject, method } = call;
    if (!this.#written.has(subject.id)) this.#writeObject(subject);
    const { result = null, error = null } = describeOutcome(outcome, call);
    // Building the line by hand takes half of the time of JSON.stringify.
    let line = `[${at},${end - at},${subject.id},${JSON.stringify(method)},${JSON.stringify(args)}`;
    if (result !== null || error !== null || count > 1) line += `,${JSON.stringify(result)}`;
    if (error !== null || count > 1) line += `,${JSON.stringify(error)}`;
    if (count > 1) line += `,${count}`;
    this.#log.writeText(`${line}]`, end);
  }

  /**
   * Writes the start of a call that can last for ever. If the program is killed during the call, the
   * trace still contains the call.
   */
  #writeBegin({ subject, method, args: [timeout] }: Call, args: string, at: number): void {
    const blocks = BLOCKS.has(method) && timeout !== 0;
    if (!blocks && !SETTLES_LATER.has(`${subject.kind}.${method}`)) return;
    this.settle();
    if (!this.#written.has(subject.id)) this.#writeObject(subject);
    this.#log.write({ type: 'begin', at, object: subject.id, method, args });
    // The timer of the tracer does not run while the thread is blocked.
    if (blocks) this.#onDue();
  }

  #writeObject(subject: Subject): void {
    this.#written.add(subject.id);
    this.#log.write({ type: 'object', ...subject });
  }
}

function isSameRead(a: Call, b: Call): boolean {
  if (a.subject !== b.subject || a.method !== b.method) return false;
  const [others, args] = [a.args, b.args];
  return args.length === others.length && args.every((arg, i) => arg === others[i]);
}
