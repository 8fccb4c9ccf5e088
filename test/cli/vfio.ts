import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const VFIO = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program `vfio` in a separate process. */
export async function vfio(args: readonly string[], input = ''): Promise<Outcome> {
  return finish(startVfio(args), input);
}

export function startVfio(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawn(process.execPath, [VFIO, ...args], { env: { ...process.env, ...env } });
}

export async function finish(
  child: ReturnType<typeof startVfio> & ChildProcess,
  input = '',
): Promise<Outcome> {
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, stderr };
}
