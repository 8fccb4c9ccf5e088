/// <reference types="node" preserve="true" />
/**
 * `vfio/lab` runs commands in QEMU guests that have a real `/dev/vfio`.
 *
 * @module vfio/lab
 */
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { requireNodeOnLinux } from '../platform.js';
import { ARCHITECTURES } from './architectures.js';
import { parseDevices } from './devices.js';
import { guestEnvironment } from './environment.js';
import { initramfs } from './initramfs.js';
import { initScript } from './init.js';
import { shellQuote } from './shell-quote.js';
import { findKernel } from './kernels.js';
import { buildArguments } from './machine.js';
import { findQemu } from './qemu.js';
import { findRoot } from './root.js';
import { checkLabOptions, DEFAULTS, type LabOptions } from './options.js';
import { run } from './run.js';
import { createKeptFolder } from './keep.js';
import { COMMAND_LINE, type Servers, startServers } from './servers.js';
import { findTools } from './tools.js';

export { DEBIAN_KERNELS } from './debian.js';
export { DEFAULT_DEVICES } from './devices.js';
export type { LabOptions } from './options.js';

/** Size of the scratch disk of an NVMe or virtio-blk device, in bytes. The disk is a sparse file. */
const DISK_SIZE = 64 << 20;

/**
 * Runs a command in a QEMU guest with a real `/dev/vfio`. The guest has an emulated IOMMU with
 * interrupt remapping: Intel's, or an SMMUv3 for arm64. The guest's emulated PCI devices are bound
 * to vfio-pci, and each device is in its own IOMMU group. With the option `serve`, the guest also
 * has devices that this machine serves, for example mock devices. The drivers of the guest can use
 * these devices. The guest sees this machine's files. If the guest changes files, the changes stay
 * in the guest's memory and are lost when the guest ends, except in the folder of the option
 * `keep`. The lab needs neither root nor KVM.
 *
 * In the guest, environment variables contain the addresses of the devices: `VFIO_LAB_NVME`,
 * `VFIO_LAB_EDU`, …, and `VFIO_LAB_SERVED` for a served device. The command's PATH includes `vfio`
 * and the project's `node_modules/.bin`.
 *
 * @returns the command's exit code, or 128 plus the signal number if a signal ended the command
 * @throws TypeError or RangeError for a wrong option, before the lab starts any program; VfioError
 *   `ENOENT` if QEMU, busybox, the kernel or a module is missing, `EINVAL` if the kernel or a
 *   module is damaged, or if `qemu` is not a QEMU, `ENODEV` if the QEMU is too old for served
 *   devices, `EIO` if the guest ended before the command, `ETIMEDOUT` after the timeout;
 *   `ENOENT` in a bundle, `ENOTSUP` unless Node.js runs on Linux; the reason of `signal` after an
 *   abort
 *
 * @example
 * const { exitCode } = await runInLab({
 *   command: 'node',
 *   args: ['driver.js'],
 *   kernel: 'debian-6.12',
 *   devices: ['nvme,max_ioqpairs=32'],
 * });
 */
export async function runInLab(options: LabOptions): Promise<{ exitCode: number }> {
  checkLabOptions(options);
  requireNodeOnLinux('the lab needs');
  requirePackage();
  const { cwd = process.cwd(), terminal = false } = options;
  const { stdout = process.stdout, stderr = process.stderr } = options;
  const { arch = DEFAULTS.arch, serve = [], imports = [] } = options;
  const keep = options.keep === undefined ? undefined : createKeptFolder(options.keep);
  const devices = parseDevices(options.devices ?? DEFAULTS.devices);
  findTools([
    ...(options.qemu === undefined && serve.length === 0 ? [ARCHITECTURES[arch].qemu] : []),
    ...(arch === process.arch ? (['busybox'] as const) : []),
  ]);
  const { report = () => undefined } = options;
  options.signal?.throwIfAborted();
  const download = {
    report(step: string, percent?: number) {
      report(percent === undefined ? step : `${step} ${percent} %`);
    },
    signal: options.signal,
  };
  const root = await findRoot(arch, download);
  const qemu = await findQemu(options.qemu, { ...download, arch, vfioUser: serve.length > 0 });
  const { modules = [] } = options;
  const kernel = await findKernel(options.kernel, { ...download, arch, modules });
  const { required, further } = kernel.modules;

  const folder = mkdtempSync(join(tmpdir(), 'vfio-lab-'));
  const onMessage = (text: string) => {
    stderr.write(`vfio lab: ${text}\n`);
  };
  let servers: Servers | undefined;
  try {
    servers = await startServers(serve, { folder, imports, onMessage, signal: options.signal });
    const { sockets } = servers;
    const disks = devices
      .filter(({ disk }) => disk)
      .map((_device, index) => {
        const path = join(folder, `disk${index}`);
        writeFileSync(path, '');
        truncateSync(path, DISK_SIZE);
        return path;
      });
    const init = initScript({
      layer: root.layer !== undefined,
      modules: required.map(({ name }) => name),
      furtherModules: further.map(({ name }) => name),
      devices,
      served: sockets.length,
      keep,
      commands: {
        node: `#!/bin/sh\nexec ${shellQuote(root.node)} "$@"`,
        vfio: `#!/bin/sh\nexec ${shellQuote(root.node)} ${shellQuote(COMMAND_LINE)} "$@"`,
      },
      env: guestEnvironment({ ...process.env, ...root.env }, cwd, options.env ?? {}),
      cwd,
      argv: [options.command, ...(options.args ?? [])],
      terminal: terminal
        ? { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }
        : undefined,
    });
    const paths = { initramfs: join(folder, 'initramfs'), console: join(folder, 'console') };
    writeFileSync(paths.initramfs, initramfs(root.busybox, init, [...required, ...further]));
    report('booting');
    const exitCode = await run({
      qemu,
      args: buildArguments({
        ...paths,
        arch,
        layer: root.layer,
        kernel: kernel.image,
        disks,
        devices,
        sockets,
        keep,
        memory: options.memory ?? DEFAULTS.memory,
        cpus: options.cpus ?? DEFAULTS.cpus,
        terminal,
        extra: options.qemuArgs ?? [],
      }),
      console: paths.console,
      stdin: options.stdin,
      stdout,
      stderr,
      terminal,
      timeout: options.timeout,
      signal: options.signal,
      onReady: () => {
        report(undefined);
      },
    });
    return { exitCode };
  } finally {
    await servers?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The guest runs programs of the package, which a bundle does not contain. */
function requirePackage(): void {
  if (existsSync(COMMAND_LINE)) return;
  throw new VfioError({
    code: 'ENOENT',
    message: 'the lab needs files of the package',
    hint: 'A bundle cannot contain vfio/lab. Mark vfio as external.',
  });
}
