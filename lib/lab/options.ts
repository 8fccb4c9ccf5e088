import type { Readable, Writable } from 'node:stream';
import {
  checkArray,
  checkBoolean,
  checkChoice,
  checkFunction,
  checkInstance,
  checkInteger,
  checkNumber,
  checkObject,
  checkOptions,
  checkString,
} from '../checks.js';
import { ARCHES, ARCHITECTURES, type Arch } from './architectures.js';
import { isDebianKernel, kernelsOf } from './debian.js';
import { checkDeviceCount, DEFAULT_DEVICES, parseDevices } from './devices.js';
import { isVariableName } from './environment.js';

/** Options of `runInLab()`, for the command and for the guest. */
export interface LabOptions {
  /** Program to run in the guest. */
  command: string;
  /** Arguments of the program. */
  args?: readonly string[] | undefined;
  /**
   * Architecture of the guest. If this machine has another architecture, the lab downloads programs
   * for the guest once: Debian's C library and busybox, and Node.js. Default `x64`.
   */
  arch?: Arch | undefined;
  /**
   * Path of a kernel image (x86 bzImage, arm64 Image), or the name of a Debian kernel
   * (`debian-6.1`, `debian-6.12`, `debian-newest`; for arm64 also `debian-6.12-16k`, which has pages
   * of 16 KiB). Default: this machine's kernel if the kernel and its modules can be read, otherwise
   * `debian-6.12`.
   */
  kernel?: string | undefined;
  /**
   * Short names (`nvme`, `edu`, `e1000e`, `testdev`, `virtio-blk`) or QEMU `-device` strings.
   * Default: the first four.
   */
  devices?: readonly string[] | undefined;
  /**
   * Devices that this machine serves to the guest, by the protocol vfio-user: names of devices, for
   * example `mock:nvme`, or `vfio-user:<path>` for a socket at which another program serves a device.
   * The devices are not bound to vfio-pci, so a driver of the guest can use the devices. Needs QEMU
   * 10.1 or newer. If this machine's QEMU is older, the lab uses Debian's newest QEMU. A guest for
   * arm64 cannot use served devices, because QEMU's SMMUv3 does not report the guest's mappings.
   */
  serve?: readonly string[] | undefined;
  /**
   * JavaScript modules that the process of a served device imports first, for example a module that
   * registers a device model: the path of a file, or the name of a package.
   */
  imports?: readonly string[] | undefined;
  /**
   * Names of additional kernel modules. The modules are loaded in the given order, after the
   * devices are bound. The dependencies of a module are loaded before the module. The name of a
   * built-in module is accepted.
   */
  modules?: readonly string[] | undefined;
  /**
   * Path of qemu-system-x86_64 or qemu-system-aarch64, or `debian` for the newest QEMU of Debian,
   * which is downloaded once and cached. Default: this machine's QEMU.
   */
  qemu?: string | undefined;
  /** Additional arguments for QEMU. */
  qemuArgs?: readonly string[] | undefined;
  /**
   * Memory of the guest: a number of MiB, or a number with M or G; 256 MiB or more. Default `2G`.
   */
  memory?: string | undefined;
  /** Number of CPUs, 1 to 255. Default 2. */
  cpus?: number | undefined;
  /** Time limit of the guest, in ms, measured from the start of the guest. No limit by default. */
  timeout?: number | undefined;
  /** Whether the command uses this process's terminal instead of `stdin`, `stdout` and `stderr`. */
  terminal?: boolean | undefined;
  /**
   * Path of a folder of this machine. What the command writes to this folder is kept: the guest
   * writes the files of this folder directly. The folder is created if it does not exist. Changes
   * to all other files are lost.
   */
  keep?: string | undefined;
  /** Working directory of the command. Default: the current directory. */
  cwd?: string | undefined;
  /** Additional environment variables for the command. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Standard input of the command. The stream is paused when the command ends. Default: empty. */
  stdin?: Readable | undefined;
  /** Standard output of the command. Default: the stream of this process. */
  stdout?: Writable | undefined;
  /** Standard error of the command and of the lab. Default: the stream of this process. */
  stderr?: Writable | undefined;
  /**
   * Called for each step before the command runs, with a text: `'debian-6.12: downloading 37 %'`,
   * `'booting'`. When the command starts, the function is called with undefined.
   */
  report?: ((step: string | undefined) => void) | undefined;
  /** An abort of this signal ends a download, or ends the guest. */
  signal?: AbortSignal | undefined;
}

/** Defaults of the options. */
export const DEFAULTS = { arch: 'x64', devices: DEFAULT_DEVICES, memory: '2G', cpus: 2 } as const;

const STREAMS = ['stdin', 'stdout', 'stderr'] as const;
const LISTS = ['args', 'devices', 'serve', 'imports', 'modules', 'qemuArgs'] as const;
const TEXTS = ['kernel', 'qemu', 'memory', 'keep', 'cwd'] as const;
const NAMES = [
  ...['command', ...LISTS, ...TEXTS, ...STREAMS],
  ...['arch', 'cpus', 'timeout', 'terminal', 'env', 'report', 'signal'],
];

/** The smallest memory size with which a guest can boot, in MiB. */
const MIN_MEMORY = 256;

function toMebibytes(memory: string): number {
  return Number.parseInt(memory, 10) * (memory.endsWith('G') ? 1024 : 1);
}

/**
 * Checks the options before the lab starts any program.
 *
 * @throws TypeError, RangeError for a wrong option
 */
export function checkLabOptions(options: LabOptions): void {
  checkTypes(options);
  const { arch = DEFAULTS.arch, kernel, serve = [], modules, memory, cpus, timeout, env } = options;
  checkChoice(arch, 'arch', ARCHES);
  const kernels = kernelsOf(arch);
  if (kernel !== undefined && isDebianKernel(kernel) && !kernels.includes(kernel)) {
    throw new TypeError(
      `Debian has no kernel '${kernel}' for ${arch}; its kernels are ${kernels.join(', ')}`,
    );
  }
  if (serve.length > 0 && !ARCHITECTURES[arch].reportsMappings) {
    throw new TypeError(
      `a guest for ${arch} cannot use served devices, because its IOMMU does not report mappings`,
    );
  }
  const { length } = parseDevices(options.devices ?? DEFAULTS.devices);
  checkDeviceCount(length + serve.length);
  if (memory !== undefined && !/^[1-9]\d*[MG]?$/.test(memory)) {
    throw new TypeError(`memory must be a number of MiB, or a number with M or G, not '${memory}'`);
  }
  if (memory !== undefined && toMebibytes(memory) < MIN_MEMORY) {
    throw new RangeError(`memory '${memory}' is too small: the guest needs ${MIN_MEMORY}M`);
  }
  const badModule = modules?.find((name) => !/^[A-Za-z0-9][\w-]*$/.test(name));
  if (badModule !== undefined) throw new TypeError(`'${badModule}' is not a valid module name`);
  const badVariable = Object.keys(env ?? {}).find((name) => !isVariableName(name));
  if (badVariable !== undefined)
    throw new TypeError(`'${badVariable}' is not a valid variable name`);
  if (cpus !== undefined) checkInteger(cpus, 'cpus', 1, 255);
  if (timeout !== undefined) checkNumber(timeout, 'timeout');
  if (timeout !== undefined && !(timeout > 0 && timeout < 2 ** 31)) {
    throw new RangeError(`timeout must be above 0 and below 2^31 ms, not ${timeout}`);
  }
}

/** Checks the names and the types of the options. */
function checkTypes(options: LabOptions): void {
  checkOptions(options, NAMES);
  checkString(options.command, 'command');
  for (const name of TEXTS) if (options[name] !== undefined) checkString(options[name], name);
  for (const name of LISTS) {
    const list = options[name] ?? [];
    checkArray(list, name);
    for (const element of list) checkString(element, `an element of ${name}`);
  }
  for (const name of STREAMS) if (options[name] !== undefined) checkObject(options[name], name);
  const { terminal, env, report, signal } = options;
  if (terminal !== undefined) checkBoolean(terminal, 'terminal');
  if (env !== undefined) checkObject(env, 'env');
  for (const [name, value] of Object.entries(env ?? {})) checkString(value, `env.${name}`);
  if (report !== undefined) checkFunction(report, 'report');
  if (signal !== undefined) checkInstance(signal, 'signal', AbortSignal);
}
