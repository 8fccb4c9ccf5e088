import { openConnection } from 'vfio/mock';
import { RecordedChanges } from '../../lib/run/changes.js';
import { runLine, type Reply } from '../../lib/run/run.js';
import { Session } from '../../lib/run/session.js';

let devices = 0;

/**
 * Runs a script on a fresh mock device and returns its answers. A line of the script can be any
 * text.
 *
 * @param count - number of lines to run. A replay also knows the later lines of its record. Default
 *   all lines
 */
export async function answers(
  device: string,
  lines: readonly unknown[],
  count = lines.length,
): Promise<Reply[]> {
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  const changes = new RecordedChanges();
  for (const text of texts) changes.scan(text);
  const session = new Session(await openConnection(`${device}#${++devices}`), changes);
  try {
    const replies: Reply[] = [];
    for (const text of texts.slice(0, count)) replies.push(await runLine(session, text));
    return replies;
  } finally {
    session.close();
  }
}

/** Runs a script on a fresh mock device and returns only the last answer. */
export async function answer(device: string, ...lines: readonly unknown[]): Promise<Reply> {
  return (await answers(device, lines)).at(-1) ?? { ok: false };
}
