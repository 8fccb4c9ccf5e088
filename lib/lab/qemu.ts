import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { VfioError } from '../errors.js';
import { ARCHITECTURES, type Arch } from './architectures.js';
import type { Program } from './debian-program.js';
import { cacheQemu, DEBIAN_QEMU } from './debian-qemu.js';
import type { DownloadOptions } from './package.js';
import { findTool } from './tools.js';

const execute = promisify(execFile);

const HINT = `--qemu ${DEBIAN_QEMU} downloads a newer QEMU.`;

/** What a guest needs of QEMU. */
export interface QemuNeeds extends DownloadOptions {
  /** Architecture of the guest. */
  readonly arch: Arch;
  /** Whether the guest has served devices. QEMU 10.1 and newer has the device `vfio-user-pci`. */
  readonly vfioUser: boolean;
}

/** Returns QEMU's standard output. Returns an empty text if the program fails. */
async function ask({ file, args, env }: Program, ...questions: string[]): Promise<string> {
  try {
    return (await execute(file, [...args, ...questions], { env })).stdout;
  } catch {
    return '';
  }
}

/** Returns the version of a QEMU. Returns undefined if the program is not QEMU. */
async function versionOf(program: Program): Promise<string | undefined> {
  return /^QEMU emulator version (\S+)/m.exec(await ask(program, '--version'))?.[1];
}

async function hasVfioUser(program: Program): Promise<boolean> {
  // `-device help` would load all modules of QEMU. The name of the device loads only one module.
  return /^vfio-user-pci options/m.test(await ask(program, '-device', 'vfio-user-pci,help'));
}

/** Whether a QEMU has a machine. A QEMU emulates the machines of one architecture. */
async function hasMachine(program: Program, name: string): Promise<boolean> {
  const machines = await ask(program, '-machine', 'help');
  return machines.split('\n').some((line) => line.startsWith(`${name} `));
}

function ownProgram(file: string): Program {
  return { file, args: [], env: process.env };
}

/** Checks that a path is the path of a QEMU that a guest can use. */
async function openQemu(choice: string, { arch, vfioUser }: QemuNeeds): Promise<Program> {
  const path = resolve(choice);
  const { qemu, machine } = ARCHITECTURES[arch];
  const fail = (code: string, message: string) =>
    new VfioError({ code, message, path, hint: `Pass the path of ${qemu}. ${HINT}` });
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw fail('ENOENT', `no QEMU '${choice}'`);
  if (!status.isFile()) throw fail('EINVAL', 'the path of QEMU is not a regular file');
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw fail('EACCES', 'the program is not executable');
  }
  const program = ownProgram(path);
  const version = await versionOf(program);
  if (version === undefined) throw fail('EINVAL', 'the program is not QEMU');
  const [name = ''] = machine.split(',');
  if (!(await hasMachine(program, name))) {
    throw fail('EINVAL', `the QEMU has no machine '${name}', which a guest for ${arch} needs`);
  }
  if (vfioUser && !(await hasVfioUser(program))) {
    throw fail('ENODEV', `QEMU ${version} has no device vfio-user-pci, which QEMU 10.1 added`);
  }
  return program;
}

/**
 * Finds the QEMU to start.
 *
 * @param choice - path of a QEMU, or `debian` for Debian's newest QEMU, which is downloaded once and
 *   cached. Default: this machine's QEMU. If the guest has served devices and this machine's QEMU is
 *   too old or missing, Debian's newest QEMU is used.
 * @throws VfioError `ENOENT` if QEMU is not found, `EINVAL` or `EACCES` if the path is not a QEMU,
 *   `ENODEV` if the QEMU is too old for served devices
 */
export async function findQemu(choice: string | undefined, needs: QemuNeeds): Promise<Program> {
  if (choice === DEBIAN_QEMU) return cacheQemu(needs.arch, needs);
  if (choice !== undefined) return openQemu(choice, needs);
  const path = findTool(ARCHITECTURES[needs.arch].qemu);
  if (path === undefined) return cacheQemu(needs.arch, needs);
  const own = ownProgram(path);
  return !needs.vfioUser || (await hasVfioUser(own)) ? own : cacheQemu(needs.arch, needs);
}
