import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 1000;
const INTERVAL_MS = 2;

/**
 * Calls a function until the function returns true, for up to a second. A device can be slower than
 * the recorded device.
 *
 * @returns whether the function returned true
 */
export async function retry(isDone: () => boolean | Promise<boolean>): Promise<boolean> {
  const until = performance.now() + TIMEOUT_MS;
  while (!(await isDone())) {
    if (performance.now() > until) return false;
    await delay(INTERVAL_MS);
  }
  return true;
}
