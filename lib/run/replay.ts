import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Reply } from './answers.js';
import { toJsonLine } from './json.js';

/**
 * Operations that read a value. During a replay, these operations are repeated, because a slow
 * device can write the value later.
 */
const REPEATED: readonly string[] = ['read', 'mmio_read', 'buffer_read', 'eventfd_read'];
const TIMEOUT_MS = 1000;
const INTERVAL_MS = 2;
/**
 * The recorded value of an eventfd if the recorded program did not read the eventfd. The value `1+`
 * means that the eventfd was signalled one or more times.
 */
export const SIGNALLED = '1+';

function isAsRecorded(recorded: Answer, reply: Answer): boolean {
  return Object.entries(recorded).every(([name, value]) => {
    if (name === 'message') return true;
    if (value === SIGNALLED) return Number(reply[name]) >= 1;
    return JSON.stringify(value) === toJsonLine(reply[name] ?? null);
  });
}

/** Adds the counts of two reads of an eventfd. */
function addCounts(before: Reply, now: Reply): Reply {
  if (typeof before.value !== 'bigint' || typeof now.value !== 'bigint') return now;
  return { ...now, value: before.value + now.value };
}

/**
 * Runs an operation and compares the answer with the recorded answer. Because devices differ in
 * speed, a read operation is repeated for up to a second until the answers are equal.
 *
 * @returns the answer. If the answers differ, the field `recorded` contains the recorded answer.
 */
export async function replay(
  op: string,
  recorded: Answer,
  run: () => Promise<Reply>,
): Promise<Reply> {
  const until = performance.now() + TIMEOUT_MS;
  let reply = await run();
  while (!isAsRecorded(recorded, reply)) {
    if (!reply.ok || !REPEATED.includes(op) || performance.now() > until) {
      return { ...reply, recorded };
    }
    await delay(INTERVAL_MS);
    const now = await run();
    // Several reads can return parts of one recorded count.
    reply = op === 'eventfd_read' ? addCounts(reply, now) : now;
  }
  return reply;
}
