import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInLab } from '../../../lib/lab/index.js';
import { temporaryFolder } from '../../native/helpers.js';

const given = process.env.VFIO_LAB_IOMMUFD_KERNEL;

/**
 * The kernel for these tests: by default Debian's kernel, or the kernel that an environment
 * variable names.
 */
export const KERNEL = given !== undefined && existsSync(given) ? given : 'debian-6.12';

/**
 * QEMU options that make the slots of the root ports hot-plug slots. By default, QEMU uses ACPI
 * hot-plug, which needs another driver.
 */
export const SLOTS = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'];

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  devices: string[];
  qemuArgs?: string[];
  env?: Record<string, string>;
  /**
   * Commands for QEMU's monitor. The key is an output line of the program: when the program prints
   * the line, the command is sent.
   */
  monitor?: Readonly<Record<string, string>>;
}

/**
 * Runs a program of this folder in a guest.
 *
 * @returns the exit code, and the lines that the program printed
 */
export async function runProgram(
  name: string,
  { devices, qemuArgs = [], env = {}, monitor = {} }: ProgramOptions,
): Promise<{ exitCode: number; lines: string[]; errors: string }> {
  const path = join(temporaryFolder(), 'monitor');
  const told: Promise<void>[] = [];
  const lines: string[] = [];
  let errors = '';
  let rest = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        const command = monitor[line];
        if (command !== undefined) told.push(sendToMonitor(path, command));
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
  const guest = runInLab({
    command: 'node',
    args: [fileURLToPath(new URL(`${name}.js`, import.meta.url))],
    kernel: KERNEL,
    devices,
    qemuArgs: [...qemuArgs, '-monitor', `unix:${path},server=on,wait=off`],
    env,
    timeout: 300_000,
    stdout,
    stderr,
  });
  const { exitCode } = await guest.catch((cause: unknown) => {
    // If the guest has ended by itself, its last messages can explain the end.
    throw new Error(errors, { cause });
  });
  await Promise.all(told);
  return { exitCode, lines, errors };
}

/** Sends a command to the socket of QEMU's monitor. */
async function sendToMonitor(path: string, command: string): Promise<void> {
  const monitor = createConnection(path);
  await once(monitor, 'data');
  monitor.end(`${command}\n`);
  monitor.resume();
  await once(monitor, 'close');
}
