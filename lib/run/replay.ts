import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Reply } from './answers.js';
import { toJsonLine } from './json.js';

/**
 * Operations that read a value. A replay repeats these operations, because a slow device writes the
 * value later.
 */
const REPEATED: readonly string[] = ['read', 'mmio_read', 'buffer_read', 'eventfd_read'];
const TIMEOUT_MS = 1000;
const INTERVAL_MS = 2;
/**
 * The recorded value of an eventfd that the program did not read. A value of `1+` means that the
 * eventfd was signalled one or more times.
 */
export const SIGNALLED = '1+';

function isAsRecorded(recorded: Answer, reply: Answer): boolean {
  return Object.entries(recorded).every(([name, value]) => {
    if (name === 'message') return true;
    if (value === SIGNALLED) return Number(reply[name]) >= 1;
    return JSON.stringify(value) === toJsonLine(reply[name] ?? null);
  });
}

/** Adds the counts that two reads of an eventfd returned. */
function addCounts(before: Reply, now: Reply): Reply {
  if (typeof before.value !== 'bigint' || typeof now.value !== 'bigint') return now;
  return { ...now, value: before.value + now.value };
}

/**
 * Runs an operation whose answer was recorded. Devices differ in speed. An operation that reads is
 * therefore repeated for up to a second until the answer equals the recorded answer.
 *
 * @returns the answer; if the answer differs from the recorded answer, `recorded` contains the
 *   recorded answer
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
