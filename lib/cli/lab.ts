import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { VfioError } from '../errors.js';
import { DEBIAN_KERNELS, DEFAULT_DEVICES, runInLab, type LabOptions } from '../lab/index.js';
import { checkOptions } from '../lab/options.js';
import { UsageError } from './usage.js';

export const usage = `vfio lab [options] -- <command> [arguments]

Boots a QEMU guest with an emulated Intel IOMMU and PCI devices bound to vfio-pci, and runs the
command there: in this directory, with this machine's files (changes stay in the guest's memory),
with vfio and the project's node_modules/.bin on PATH. It reads what this command reads, unless that
is a terminal. The devices' addresses are in VFIO_LAB_NVME, VFIO_LAB_EDU and so on. Needs neither
root nor KVM. The exit code is the command's.

  --kernel <path|name>  a bzImage, or ${DEBIAN_KERNELS.join(' or ')} (downloaded once and kept);
                        default: this machine's own where it can be read, else the newest of those
  --device <spec>       ${DEFAULT_DEVICES.join(', ')}, with QEMU properties after a comma, or any QEMU
                        -device string; repeatable; default: those four
  --qemu-arg <arg>      one more argument for QEMU (--qemu-arg=-name); repeatable
  --memory <size>       MiB, or a number with M or G; default 2G
  --cpus <n>            default 2
  --timeout <seconds>   ends the guest then, with exit code 124
  --shell               a terminal in the guest, for the command or else a shell; Ctrl-A X ends it

Example: vfio lab --device edu -- sh -c 'vfio demo $VFIO_LAB_EDU'`;

/** Exit code when the time is up, as timeout(1) has it. */
const TIMED_OUT = 124;

const OPTIONS = {
  kernel: { type: 'string' },
  device: { type: 'string', multiple: true },
  'qemu-arg': { type: 'string', multiple: true },
  memory: { type: 'string' },
  cpus: { type: 'string' },
  timeout: { type: 'string' },
  shell: { type: 'boolean', default: false },
} as const;

function number(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`${option} takes a number, not '${text}'`);
  return Number(text);
}

/** What the command line asks for. */
function optionsOf(argv: string[]): LabOptions {
  const dashes = argv.indexOf('--');
  const { values } = parseArgs({
    args: dashes < 0 ? argv : argv.slice(0, dashes),
    options: OPTIONS,
  });
  const given = dashes < 0 ? [] : argv.slice(dashes + 1);
  const shell = [process.env.SHELL ?? '/bin/sh'];
  const [command, ...args] = given.length === 0 && values.shell ? shell : given;
  if (command === undefined) throw new UsageError('give a command after --, or --shell');
  if (values.shell && !process.stdin.isTTY) throw new UsageError('--shell needs a terminal');
  const seconds = number('--timeout', values.timeout);
  const options: LabOptions = {
    command,
    args,
    kernel: values.kernel,
    devices: values.device,
    qemuArgs: values['qemu-arg'],
    memory: values.memory,
    cpus: number('--cpus', values.cpus),
    timeout: seconds === undefined ? undefined : seconds * 1000,
    terminal: values.shell,
    // A terminal is the command's with --shell only.
    stdin: process.stdin.isTTY ? undefined : process.stdin,
  };
  try {
    checkOptions(options);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return options;
}

export async function run(argv: string[]): Promise<number> {
  const options = optionsOf(argv);
  const interrupted = new AbortController();
  let exitCode = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      exitCode = 128 + constants.signals[name];
      interrupted.abort();
    });
  }
  try {
    return (await runInLab({ ...options, signal: interrupted.signal })).exitCode;
  } catch (error) {
    if (interrupted.signal.aborted) return exitCode;
    if (!(error instanceof VfioError && error.code === 'ETIMEDOUT')) throw error;
    console.error(`vfio: ${error.message}`);
    return TIMED_OUT;
  }
}
