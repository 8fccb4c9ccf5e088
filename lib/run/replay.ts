import type { Answer, Reply } from './answers.js';
import { toJsonLine } from './json.js';
import { retry } from './retry.js';

/**
 * Operations that read a value. During a replay, these operations are repeated, because a slow
 * device can write the value later.
 */
const REPEATED: readonly string[] = ['read', 'mmio_read', 'buffer_read'];

export function isAsRecorded(recorded: Answer, reply: Answer): boolean {
  return Object.entries(recorded).every(([name, value]) => {
    if (name === 'message') return true;
    return JSON.stringify(value) === toJsonLine(reply[name] ?? null);
  });
}

/**
 * Runs an operation and compares the answer with the recorded answer. Because devices differ in
 * speed, a read operation is repeated for up to a second until the answers are equal.
 *
 * @param isExpected - compares an answer with the recorded answer
 * @returns the answer. If the answers differ, the field `recorded` contains the recorded answer.
 */
export async function replay(
  op: string,
  recorded: Answer,
  run: () => Promise<Reply>,
  isExpected: (reply: Reply) => boolean,
): Promise<Reply> {
  let reply = await run();
  if (isExpected(reply)) return reply;
  if (!reply.ok || !REPEATED.includes(op)) return { ...reply, recorded };
  const isReached = await retry(async () => {
    reply = await run();
    return !reply.ok || isExpected(reply);
  });
  return isReached && isExpected(reply) ? reply : { ...reply, recorded };
}
