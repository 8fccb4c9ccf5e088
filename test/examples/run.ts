import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs an example. @returns its output */
export async function example(name: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
  return run(process.execPath, file, ...args);
}

export async function run(file: string, ...args: string[]): Promise<string> {
  // Without these variables, a test runner in the child process does not connect to this test's
  // runner.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, AVA_PATH: undefined };
  const { stdout } = await promisify(execFile)(file, args, { cwd: root, env, timeout: 300_000 });
  return stdout;
}

/** The lines that the NVMe example prints for its queues. */
export const QUEUES = [
  /^queue 1: 64 reads in .* ms, [1-9]\d* interrupts on vector 1$/,
  /^queue 2: 64 reads in .* ms, [1-9]\d* interrupts on vector 2$/,
  /^queue 3: 64 reads in .* ms, polled$/,
];
