import type { DeviceConnection } from '../../lib/contract/index.js';
import { toJsonLine } from '../../lib/cli/json.js';
import { RecordedChanges } from '../../lib/run/changes.js';
import { runLine } from '../../lib/run/run.js';
import { Session } from '../../lib/run/session.js';

/** One line of `vfio run`. */
export type Op = { readonly op: string } & Readonly<Record<string, unknown>>;

/** The answer that `vfio run` prints for an operation. */
export type Answer = { readonly ok: boolean } & Readonly<Record<string, unknown>>;

/** Runs a script on a device that was just opened, then closes the device. */
export async function runScript(
  connection: DeviceConnection,
  script: readonly Op[],
): Promise<Answer[]> {
  const lines = script.map((op) => JSON.stringify(op));
  const changes = new RecordedChanges();
  for (const line of lines) changes.scan(line);
  const session = new Session(connection, changes);
  try {
    const answers: Answer[] = [];
    for (const line of lines) {
      const reply = toJsonLine(await runLine(session, line));
      answers.push(JSON.parse(reply) as Answer);
    }
    return answers;
  } finally {
    session.close();
  }
}
