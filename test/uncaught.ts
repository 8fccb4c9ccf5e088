import { setImmediate } from 'node:timers/promises';

/**
 * Removes ava's listener for uncaught exceptions, and collects these exceptions.
 * @returns a function that restores ava's listener and returns the exceptions
 */
export function catchUncaught(): () => Promise<unknown[]> {
  const others = process.listeners('uncaughtException');
  const caught: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  return async () => {
    await setImmediate();
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
    return caught;
  };
}
