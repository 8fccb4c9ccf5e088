import type { Readable, Writable } from 'node:stream';
import { DEFAULT_DEVICES, parseDevices } from './devices.js';

/** Options of `runInLab()`: the command, and the guest. */
export interface LabOptions {
  /** Program to run in the guest. */
  command: string;
  /** Its arguments. */
  args?: readonly string[];
  /**
   * Path of a bzImage, or `debian-6.1` or `debian-6.12`. Default: this machine's kernel if the
   * kernel and its modules can be read, else the newest named kernel.
   */
  kernel?: string | undefined;
  /** Short names (`nvme`, `edu`, `e1000e`, `testdev`) or QEMU `-device` strings. */
  devices?: readonly string[] | undefined;
  /** More arguments for QEMU. */
  qemuArgs?: readonly string[] | undefined;
  /** Argument of QEMU's `-m`: MiB, or a number with M or G. Default `2G`. */
  memory?: string | undefined;
  /** Number of CPUs, 1 to 255. Default 2. */
  cpus?: number | undefined;
  /** Time limit of the guest from its start, in ms. No limit by default. */
  timeout?: number | undefined;
  /** Whether the command gets this process's terminal instead of the streams below. */
  terminal?: boolean | undefined;
  /** Working directory of the command. Default: the current directory. */
  cwd?: string;
  /** Additional variables for the command. */
  env?: Readonly<Record<string, string>>;
  /** Standard input of the command; paused when the command ends. Default: empty. */
  stdin?: Readable | undefined;
  /** Standard output of the command. Default: that of this process. */
  stdout?: Writable;
  /** Standard error of the command and of the lab. Default: that of this process. */
  stderr?: Writable;
  /**
   * Called with each step before the command runs: `'debian-6.12: downloading 37 %'`, `'booting'`;
   * then once with undefined, before the command's output.
   */
  report?: ((step: string | undefined) => void) | undefined;
  /** Stops the guest when aborted. */
  signal?: AbortSignal;
}

/** Defaults of the options. */
export const DEFAULTS = { devices: DEFAULT_DEVICES, memory: '2G', cpus: 2 } as const;

/**
 * Checks the options before anything is started.
 *
 * @throws TypeError, RangeError for a wrong option
 */
export function checkOptions({ devices, memory, cpus, timeout }: LabOptions): void {
  parseDevices(devices ?? DEFAULTS.devices);
  if (memory !== undefined && !/^[1-9]\d*[MG]?$/.test(memory)) {
    throw new TypeError(`memory '${memory}' is not a number of MiB, or one with M or G`);
  }
  if (cpus !== undefined && !(Number.isInteger(cpus) && cpus >= 1 && cpus <= 255)) {
    throw new RangeError(`cpus must be 1 to 255, not ${cpus}`);
  }
  if (timeout !== undefined && !(timeout > 0 && timeout < 2 ** 31)) {
    throw new RangeError(`timeout must be above 0 and below 2^31 ms, not ${timeout}`);
  }
}
