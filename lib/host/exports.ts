import { basename } from 'node:path';
import { nodeOf } from './below.js';
import type { Host } from './host.js';

const NVMET = 'sys/kernel/config/nvmet/subsystems';
const LIO = 'sys/kernel/config/target/core';

/** A component of the kernel that has opened a disk without a claim. */
interface Export {
  /** `'loop3'`, `'the NVMe target nqn.example'`. */
  readonly user: string;
  /** The path of the disk that the component has opened. */
  readonly path: string;
}

/**
 * Lists the components of the kernel that have opened the disk without a claim: loop devices, NVMe
 * targets and SCSI targets.
 */
export function findExports(host: Host, disk: string, number: string | null): string[] {
  const all = [...loops(host), ...nvmeTargets(host), ...scsiTargets(host)];
  return all
    .filter(({ path }) => isDisk(host, path, disk, number))
    .map(({ user }) => `/dev/${disk} is used by ${user}`);
}

function isDisk(host: Host, path: string, disk: string, number: string | null): boolean {
  const real = host.target(path) ?? host.path(path);
  if (real === nodeOf(host, disk)) return true;
  return number !== null && host.nodeNumber(real) === `b${number}`;
}

function loops(host: Host): Export[] {
  return host.names('sys/class/block').flatMap((user) => {
    const path = host.text('sys/class/block', user, 'loop/backing_file');
    return path === null ? [] : [{ user, path }];
  });
}

function nvmeTargets(host: Host): Export[] {
  return host.names(NVMET).flatMap((subsystem) => {
    const namespaces = host.names(NVMET, subsystem, 'namespaces').map((one) => `namespaces/${one}`);
    return [...namespaces, 'passthru'].flatMap((part) => {
      const path = host.text(NVMET, subsystem, part, 'device_path');
      const enabled = host.text(NVMET, subsystem, part, 'enable') === '1';
      return path === null || !enabled ? [] : [{ user: `the NVMe target ${subsystem}`, path }];
    });
  });
}

/** Lists the backing stores of the SCSI target LIO: `iblock_0/disk`, `fileio_1/disk`. */
function scsiTargets(host: Host): Export[] {
  return host.names(LIO).flatMap((backend) => {
    return host.names(LIO, backend).flatMap((store) => {
      const user = `the SCSI target ${basename(backend)}/${store}`;
      const info = host.text(LIO, backend, store, 'info') ?? '';
      const paths = [
        host.text(LIO, backend, store, 'udev_path') ?? '',
        /\bFile: (\S+)/.exec(info)?.[1] ?? '',
      ];
      return [...new Set(paths)].filter((path) => path !== '').map((path) => ({ user, path }));
    });
  });
}
