import type { Readable, Writable } from 'node:stream';
import { DEFAULT_DEVICES, parseDevices } from './devices.js';

/** What runs in the guest, and what the guest is. */
export interface LabOptions {
  /** Program to run in the guest. */
  command: string;
  /** Its arguments. */
  args?: readonly string[];
  /**
   * Path of a bzImage, or `debian-6.1` or `debian-6.12`. By default the machine's own kernel where
   * it and its modules can be read, else the newest that can be had.
   */
  kernel?: string | undefined;
  /** Short names (`nvme`, `edu`, `e1000e`, `testdev`) or QEMU `-device` strings. */
  devices?: readonly string[] | undefined;
  /** More arguments for QEMU. */
  qemuArgs?: readonly string[] | undefined;
  /** As QEMU's `-m` takes it: MiB, or a number with M or G. Default `2G`. */
  memory?: string | undefined;
  /** Number of CPUs, 1 to 255. Default 2. */
  cpus?: number | undefined;
  /** Milliseconds until the guest is ended, from its start. No limit by default. */
  timeout?: number | undefined;
  /** The command talks to this process's terminal instead of these streams. */
  terminal?: boolean | undefined;
  /** Where the command runs. Default: the current directory. */
  cwd?: string;
  /** Variables for the command, besides those of this process that are passed on. */
  env?: Readonly<Record<string, string>>;
  /** What the command reads; it is paused when the command ends. Default: nothing. */
  stdin?: Readable | undefined;
  /** Default: those of this process. */
  stdout?: Writable;
  /** As `stdout`. What the lab itself has to say goes here, too. */
  stderr?: Writable;
  /**
   * Is told what goes on until the command runs: `'debian-6.12: downloading 37 %'`, `'booting'`;
   * then undefined, before its output comes.
   */
  report?: ((step: string | undefined) => void) | undefined;
  /** Ends the guest. */
  signal?: AbortSignal;
}

/** What is used where an option is not given. */
export const DEFAULTS = { devices: DEFAULT_DEVICES, memory: '2G', cpus: 2 } as const;

/**
 * Looks at everything that can be wrong before anything is started.
 *
 * @throws TypeError, RangeError
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
