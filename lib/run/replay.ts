import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Reply } from './answers.js';
import { toJsonLine } from './json.js';

/** Operations that look at what a device does by itself, and may look too early. */
const LOOKS: readonly string[] = ['read', 'mmio_read', 'buffer_read', 'eventfd_read'];
const PATIENCE_MS = 1000;
const STEP_MS = 2;
/** The recorded value of an eventfd that nobody read: it was signalled once at least. */
export const SIGNALLED = '1+';

function isAsRecorded(recorded: Answer, reply: Answer): boolean {
  return Object.entries(recorded).every(([name, value]) => {
    if (name === 'message') return true;
    if (value === SIGNALLED) return Number(reply[name]) >= 1;
    return JSON.stringify(value) === toJsonLine(reply[name] ?? null);
  });
}

function together(before: Reply, now: Reply): Reply {
  if (typeof before.value !== 'bigint' || typeof now.value !== 'bigint') return now;
  return { ...now, value: before.value + now.value };
}

/**
 * Does an operation whose answer was recorded. A device takes its own time: what looks at it is
 * done again, for a second, until it is answered as recorded.
 *
 * @returns the answer; as `recorded` what it was, if that was another
 */
export async function replay(
  op: string,
  recorded: Answer,
  run: () => Promise<Reply>,
): Promise<Reply> {
  const until = performance.now() + PATIENCE_MS;
  let reply = await run();
  while (!isAsRecorded(recorded, reply)) {
    if (!reply.ok || !LOOKS.includes(op) || performance.now() > until) {
      return { ...reply, recorded };
    }
    await delay(STEP_MS);
    const now = await run();
    // Signals come one by one, or together.
    reply = op === 'eventfd_read' ? together(reply, now) : now;
  }
  return reply;
}
