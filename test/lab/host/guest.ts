import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { VfioError } from '../../../lib/index.js';
import { type LabOptions, runInLab } from '../../../lib/lab/index.js';
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

/** The options of {@link runGuest}. */
export interface GuestOptions extends Omit<LabOptions, 'stdout' | 'stderr'> {
  /** Called with each line that the command prints. */
  onLine?: (line: string) => void;
}

/** What a command in a guest has printed. */
export interface GuestOutput {
  readonly exitCode: number;
  readonly lines: string[];
  readonly errors: string;
}

/**
 * Runs a command in a guest. If the guest ends before the command, the message of the error contains
 * all that the guest has printed.
 */
export async function runGuest({
  onLine = () => undefined,
  ...options
}: GuestOptions): Promise<GuestOutput> {
  const lines: string[] = [];
  let errors = '';
  let rest = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        onLine(line);
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
  try {
    const { exitCode } = await runInLab({ timeout: 300_000, ...options, stdout, stderr });
    return { exitCode, lines, errors };
  } catch (error) {
    if (error instanceof VfioError) error.message += `\n${lines.join('\n')}\n${errors}`;
    throw error;
  }
}

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

/** Runs a program of this folder in a guest. */
export async function runProgram(
  name: string,
  { devices, qemuArgs = [], env = {}, monitor = {} }: ProgramOptions,
): Promise<GuestOutput> {
  const path = join(temporaryFolder(), 'monitor');
  const told: Promise<void>[] = [];
  const output = await runGuest({
    command: 'node',
    args: [fileURLToPath(new URL(`${name}.js`, import.meta.url))],
    kernel: KERNEL,
    devices,
    qemuArgs: [...qemuArgs, '-monitor', `unix:${path},server=on,wait=off`],
    env,
    onLine(line) {
      const command = monitor[line];
      if (command !== undefined) told.push(sendToMonitor(path, command));
    },
  });
  await Promise.all(told);
  return output;
}

/** Sends a command to the socket of QEMU's monitor. */
async function sendToMonitor(path: string, command: string): Promise<void> {
  const monitor = createConnection(path);
  await once(monitor, 'data');
  monitor.end(`${command}\n`);
  monitor.resume();
  await once(monitor, 'close');
}
