import type { Call, Outcome, Subject } from '../index.js';
import { now } from './clock.js';
import { describeArgs, describeOutcome } from './describe.js';
import type { Log } from './log.js';

/** Reads of one register. Their arguments and results are numbers. */
const READS = new Set(['read8', 'read16', 'read32', 'read64', 'load']);

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
  readonly #written = new Set<number>();
  #read: RepeatedRead | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Notes the start of a call. The returned function notes the end of the call. */
  begin(call: Call): (outcome: Outcome) => void {
    const last = this.#read;
    const repeated = last !== null && isSameRead(last.call, call) ? last : null;
    const args = repeated === null ? describeArgs(call) : repeated.args;
    const at = now();
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
      if (this.#log.isDue(end)) this.flush();
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

  #write(
    { subject, method }: Call,
    args: string,
    at: number,
    end: number,
    outcome: Outcome,
    count: number,
  ): void {
    if (!this.#written.has(subject.id)) this.#writeObject(subject);
    const { result = null, error = null } = describeOutcome(outcome);
    // Building the line by hand takes half of the time of JSON.stringify.
    let line = `[${at},${end - at},${subject.id},${JSON.stringify(method)},${JSON.stringify(args)}`;
    if (result !== null || error !== null || count > 1) line += `,${JSON.stringify(result)}`;
    if (error !== null || count > 1) line += `,${JSON.stringify(error)}`;
    if (count > 1) line += `,${count}`;
    this.#log.writeText(`${line}]`, end);
  }

  #writeObject({ id, device, kind, region }: Subject): void {
    this.#written.add(id);
    const where = region === undefined ? kind : `${kind} of region ${region}`;
    this.#log.write({ type: 'object', id, device, kind: where });
  }
}

function isSameRead(a: Call, b: Call): boolean {
  if (a.subject !== b.subject || a.method !== b.method) return false;
  const [others, args] = [a.args, b.args];
  return args.length === others.length && args.every((arg, i) => arg === others[i]);
}
