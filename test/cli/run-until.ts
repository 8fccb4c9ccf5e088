import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { temporaryFolder } from '../native/helpers.js';

export interface Interrupted {
  /** What the command wrote to the stream. */
  readonly output: string;
  readonly code: number | null;
}

/** Runs a Node program until its output contains a text, and then sends a signal to the program. */
export async function runUntil(
  args: readonly string[],
  stream: 'stdout' | 'stderr',
  seen: RegExp,
  signal: NodeJS.Signals,
): Promise<Interrupted> {
  const child = spawn(process.execPath, args, {
    cwd: temporaryFolder(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let isSignalled = false;
  // A full pipe would stop the program.
  child.stdout.resume();
  child.stderr.resume();
  child[stream].setEncoding('utf8').on('data', (part: string) => {
    output += part;
    if (isSignalled || !seen.test(output)) return;
    isSignalled = true;
    child.kill(signal);
  });
  await once(child, 'close');
  return { output, code: child.exitCode };
}

/** Returns the lines of a log of `vfio trace` that describe the end of the program. */
export function endOf(log: string): string[] {
  return log.split('\n').filter((line) => line.startsWith('+++ '));
}
