import { VfioError } from '../errors.js';
import { printable } from '../printable.js';
import type { LabOptions } from '../lab/index.js';
import { ARCHES, type Arch } from '../lab/architectures.js';
import { DEBIAN_KERNELS } from '../lab/debian.js';
import { DEBIAN_QEMU } from '../lab/debian-qemu.js';
import { DEFAULT_DEVICES } from '../lab/devices.js';
import { checkLabOptions, DEFAULTS } from '../lab/options.js';
import { defineCommand } from './command.js';
import { Interruption } from './interruption.js';
import { Progress } from './progress.js';
import { UsageError } from './usage.js';

/** Exit code after a timeout. The program timeout(1) returns the same code. */
const TIMED_OUT = 124;

export const command = defineCommand({
  about: `Boots a QEMU guest and runs a command in the guest. The guest has an emulated IOMMU, and PCI
    devices that are bound to vfio-pci. The command runs in the current directory and sees this
    machine's files. Changes to files stay in the guest's memory, except in the folder of --keep.
    PATH contains vfio and the project's node_modules/.bin. Standard input is passed to the command,
    unless standard input is a terminal. Environment variables (VFIO_LAB_NVME, VFIO_LAB_EDU, ...) contain the addresses of the
    devices. A device of --serve is for a driver of the guest, and VFIO_LAB_SERVED contains its
    address. The lab needs neither root nor KVM. The exit code is the exit code of the command.`,
  operands: {},
  options: {
    arch: {
      type: 'string',
      value: '<name>',
      words: ARCHES,
      help: `architecture of the guest: ${ARCHES.join(' or ')}; default ${ARCHES[0]}. Programs for
        arm64 are downloaded once and cached`,
    },
    kernel: {
      type: 'string',
      value: '<path|name>',
      words: DEBIAN_KERNELS,
      from: 'files',
      help: `path of a kernel image, or ${DEBIAN_KERNELS.join(', ')} (downloaded once and cached);
        default: this machine's kernel if the kernel can be read, otherwise ${DEBIAN_KERNELS[0]}`,
    },
    qemu: {
      type: 'string',
      value: '<path|name>',
      words: [DEBIAN_QEMU],
      from: 'files',
      help: `path of qemu-system-x86_64 or qemu-system-aarch64, or ${DEBIAN_QEMU} (the newest QEMU of Debian, downloaded once
        and cached); default: this machine's QEMU`,
    },
    device: {
      type: 'string',
      value: '<spec>',
      multiple: true,
      words: DEFAULT_DEVICES,
      help: `${DEFAULT_DEVICES.join(', ')}, with QEMU properties after a comma; or any QEMU -device
        string; can be repeated; default: the four named devices`,
    },
    serve: {
      type: 'string',
      value: '<device>',
      multiple: true,
      from: 'devices',
      help: `device that this machine serves to a driver of the guest, for example mock:nvme, or
        vfio-user:<path> for a device that is served already; can be repeated`,
    },
    module: {
      type: 'string',
      value: '<name>',
      multiple: true,
      help: `additional kernel module; loaded with its dependencies after the devices are bound; can
        be repeated`,
    },
    keep: {
      type: 'string',
      value: '<dir>',
      from: 'files',
      help: `folder of this machine whose files the command can change; created if the folder does not
        exist; changes to all other files are lost`,
    },
    'qemu-arg': {
      type: 'string',
      value: '<arg>',
      multiple: true,
      help: 'additional argument for QEMU (--qemu-arg=-name); can be repeated',
    },
    memory: {
      type: 'string',
      value: '<size>',
      help: 'a number of MiB, or a number with M or G; default 2G, at least 256M',
    },
    cpus: { type: 'string', value: '<n>', help: 'default 2' },
    timeout: {
      type: 'string',
      value: '<seconds>',
      help: 'stops the guest after this time, with exit code 124',
    },
    shell: {
      type: 'boolean',
      help: 'runs the command, or a shell, on a terminal in the guest; Ctrl-A X stops the guest',
    },
  },
  program: true,
  examples: [
    "vfio lab --device edu -- sh -c 'vfio demo $VFIO_LAB_EDU'",
    'vfio lab --serve mock:nvme --module nvme -- lsblk',
  ],
  async run({ options, program, imports }) {
    const labOptions = toLabOptions(options, program, imports);
    try {
      checkLabOptions(labOptions);
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
    const { runInLab } = await import('../lab/index.js');
    const interruption = new Interruption();
    const progress = new Progress();
    const report = (step: string | undefined) => {
      if (step === undefined) progress.end();
      else progress.show(step);
    };
    try {
      return (await runInLab({ ...labOptions, report, signal: interruption.signal })).exitCode;
    } catch (error) {
      if (interruption.signal.aborted) return interruption.exitCode;
      if (!(error instanceof VfioError && error.code === 'ETIMEDOUT')) throw error;
      console.error(`vfio: ${printable(error.message)}`);
      return TIMED_OUT;
    } finally {
      progress.end();
    }
  },
});

interface ParsedOptions {
  readonly arch: string | undefined;
  readonly kernel: string | undefined;
  readonly qemu: string | undefined;
  readonly device: readonly string[];
  readonly serve: readonly string[];
  readonly module: readonly string[];
  readonly 'qemu-arg': readonly string[];
  readonly keep: string | undefined;
  readonly memory: string | undefined;
  readonly cpus: string | undefined;
  readonly timeout: string | undefined;
  readonly shell: boolean;
}

/** Converts the command line's options to the options of {@link runInLab}. */
function toLabOptions(
  given: ParsedOptions,
  program: readonly string[],
  imports: readonly string[],
): LabOptions {
  const arch = given.arch as Arch | undefined;
  // The shell of the user does not run in a guest of another architecture.
  const own = (arch ?? DEFAULTS.arch) === process.arch ? process.env.SHELL : undefined;
  const shell = [own ?? '/bin/sh'];
  const [command, ...args] = program.length === 0 && given.shell ? shell : program;
  if (command === undefined) throw new UsageError('give a command after --, or --shell');
  if (given.shell && !process.stdin.isTTY) throw new UsageError('--shell needs a terminal');
  const seconds = parseNumber('--timeout', given.timeout);
  return {
    command,
    args,
    arch,
    kernel: given.kernel,
    qemu: given.qemu,
    devices: given.device.length === 0 ? undefined : given.device,
    serve: given.serve,
    imports,
    modules: given.module,
    qemuArgs: given['qemu-arg'],
    keep: given.keep,
    memory: given.memory,
    cpus: parseNumber('--cpus', given.cpus),
    timeout: seconds === undefined ? undefined : seconds * 1000,
    terminal: given.shell,
    // Without `--shell`, the command does not read from a terminal.
    stdin: process.stdin.isTTY ? undefined : process.stdin,
  };
}

function parseNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`${option} takes a number, not '${text}'`);
  return Number(text);
}
