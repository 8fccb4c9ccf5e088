import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from '../../../lib/lab/index.js';

const given = process.env.VFIO_LAB_IOMMUFD_KERNEL;

/** The kernel of these tests: the one with iommufd, as in test:lab, or one that can be had. */
export const KERNEL = given !== undefined && existsSync(given) ? given : 'debian-6.12';

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  devices: string[];
  qemuArgs: string[];
  env?: Record<string, string>;
  /** Called with each line the program prints. */
  onLine?: (line: string) => void;
}

/**
 * Runs a program of this folder in a guest.
 * @returns its exit code and the lines it printed
 */
export async function runProgram(
  name: string,
  { devices, qemuArgs, env = {}, onLine }: ProgramOptions,
): Promise<{ exitCode: number; lines: string[]; errors: string }> {
  const lines: string[] = [];
  let errors = '';
  let rest = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        onLine?.(line);
      }
      done();
    },
  });
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, done) {
      errors += chunk.toString();
      done();
    },
  });
  const { exitCode } = await runInLab({
    command: 'node',
    args: [fileURLToPath(new URL(`${name}.js`, import.meta.url))],
    kernel: KERNEL,
    devices,
    qemuArgs,
    env,
    timeout: 180_000,
    stdout,
    stderr,
  });
  return { exitCode, lines, errors };
}

/** Says one thing to QEMU's monitor, a socket. */
export async function tell(path: string, command: string): Promise<void> {
  const monitor = createConnection(path);
  await once(monitor, 'data');
  monitor.end(`${command}\n`);
  monitor.resume();
  await once(monitor, 'close');
}
