import type { DeviceConnection } from '../../lib/contract/index.js';
import { toJsonLine } from '../../lib/cli/json.js';
import { RecordedChanges } from '../../lib/run/changes.js';
import { runLine, toReply } from '../../lib/run/run.js';
import { Session } from '../../lib/run/session.js';
import { CALLS, runCall } from './calls.js';

/**
 * One operation of a script: a line of `vfio run`, a call of {@link CALLS}, or an open or close of
 * the second connection. An operation with the field `second` uses the second connection.
 */
export type Op = { readonly op: string } & Readonly<Record<string, unknown>>;

/** The answer that `vfio run` prints for an operation. */
export type Answer = { readonly ok: boolean } & Readonly<Record<string, unknown>>;

/** Opens the device of a script. */
export type Open = () => Promise<DeviceConnection>;

/** The connections that a script uses. */
class Connections {
  readonly #open: Open;
  readonly #first: Session;
  #second: Session | null = null;

  constructor(open: Open, first: Session) {
    this.#open = open;
    this.#first = first;
  }

  async run({ second, ...op }: Op): Promise<Answer> {
    if (op.op === 'open_second') return this.#openSecond();
    if (op.op === 'close_second') return this.#closeSecond();
    const session = second === true ? this.#second : this.#first;
    if (session === null) return { ok: false, code: 'ERR_OP' };
    const reply = CALLS.includes(op.op)
      ? runCall(session, op)
      : await runLine(session, JSON.stringify(op));
    return JSON.parse(toJsonLine(reply)) as Answer;
  }

  close(): void {
    this.#second?.close();
    this.#first.close();
  }

  async #openSecond(): Promise<Answer> {
    if (this.#second !== null) return { ok: false, code: 'ERR_OP' };
    try {
      this.#second = new Session(await this.#open());
      return { ok: true };
    } catch (error) {
      return toReply(error);
    }
  }

  #closeSecond(): Answer {
    if (this.#second === null) return { ok: false, code: 'ERR_OP' };
    this.#second.close();
    this.#second = null;
    return { ok: true };
  }
}

/** Opens a device, runs a script on the device and closes the device. */
export async function runScript(open: Open, script: readonly Op[]): Promise<Answer[]> {
  const changes = new RecordedChanges();
  for (const op of script) changes.scan(JSON.stringify(op));
  const connections = new Connections(open, new Session(await open(), changes));
  try {
    const answers: Answer[] = [];
    for (const op of script) answers.push(await connections.run(op));
    return answers;
  } finally {
    connections.close();
  }
}
