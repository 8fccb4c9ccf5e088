import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../../native/helpers.js';

const program = fileURLToPath(new URL('programs/fake-server.js', import.meta.url));

/** A server in another process, because the client blocks its own thread. */
export interface FakeServer {
  /** The name of the device. */
  readonly name: string;
  readonly process: ChildProcess;
}

/**
 * Starts a server in a process of its own, with a behaviour of `programs/behaviours.ts`. The process
 * ends with the test.
 */
export async function startServer(t: ExecutionContext, behaviour: string): Promise<FakeServer> {
  const child = fork(program);
  t.teardown(async () => {
    if (!isRunning(child)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { name: await listen(child, behaviour), process: child };
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Makes a process listen at a new socket. @returns the name of the device */
async function listen(child: ChildProcess, behaviour: string): Promise<string> {
  const path = join(temporaryFolder(), 's');
  const answer = once(child, 'message');
  child.send([path, behaviour]);
  await answer;
  return `vfio-user:${path}`;
}

let shared: ChildProcess | undefined;

test.after.always('the shared process of the servers ends', () => {
  shared?.kill('SIGKILL');
});

/**
 * Starts a server in a process that all tests of a file share, because a process for each server
 * takes most of the time of the tests. If a server ended the process, a new process is started.
 *
 * @returns the name of the device
 */
export async function startFake(behaviour: string): Promise<string> {
  if (shared === undefined || !isRunning(shared)) shared = fork(program);
  return listen(shared, behaviour);
}

/** Kills a server, and waits for its end. */
export async function kill({ process }: FakeServer): Promise<void> {
  process.kill('SIGKILL');
  await once(process, 'exit');
}
