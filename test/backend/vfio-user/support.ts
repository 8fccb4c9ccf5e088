import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from '../../native/helpers.js';

const program = fileURLToPath(new URL('programs/fake-server.js', import.meta.url));

/** A server in another process, because the client blocks its own thread. */
export interface FakeServer {
  /** The name of the device. */
  readonly name: string;
  readonly process: ChildProcess;
}

/** Starts a server with a behaviour of `programs/behaviours.ts`. The server ends with the test. */
export async function startServer(t: ExecutionContext, behaviour: string): Promise<FakeServer> {
  const path = join(temporaryFolder(), 's');
  const child = fork(program, [path, behaviour]);
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child, 'message');
  return { name: `vfio-user:${path}`, process: child };
}

/** Starts a server. @returns the name of its device */
export async function startFake(t: ExecutionContext, behaviour: string): Promise<string> {
  return (await startServer(t, behaviour)).name;
}

/** Kills a server, and waits for its end. */
export async function kill({ process }: FakeServer): Promise<void> {
  process.kill('SIGKILL');
  await once(process, 'exit');
}
