import { basename, dirname } from 'node:path';
import type { Host } from './host.js';

/**
 * Whether a device in sysfs is below a PCI function.
 *
 * @param path - path of the device in sysfs, with all symbolic links resolved
 */
export function isBelow(host: Host, path: string | null, name: string): boolean {
  if (path === null) return false;
  const parts = path.split('/');
  if (parts.includes(name)) return true;
  // In sysfs, an NVMe disk is below its NVMe subsystem. The subsystem has links to the controllers
  // of the disk.
  const at = parts.findIndex((part) => /^nvme-subsys\d+$/.test(part));
  if (at < 0) return false;
  const subsystem = parts
    .slice(0, at + 1)
    .join('/')
    .slice(host.path('').length);
  return host
    .names(subsystem)
    .filter((entry) => /^nvme\d+$/.test(entry))
    .some((entry) => host.target(subsystem, entry)?.split('/').includes(name) === true);
}

/** A disk or partition of a function. */
export interface Disk {
  /** `'nvme0n1p2'`. */
  readonly name: string;
  /** Address of the PCI function. */
  readonly owner: string;
  /** Path of the device node, `'/dev/nvme0n1p2'`. */
  readonly node: string;
  /** `'259:1'`. */
  readonly number: string;
  /** The name of the disk that contains the partition; null for a disk. */
  readonly whole: string | null;
}

/**
 * Lists the disks and partitions below a function. For an NVMe multipath disk, only the disk itself
 * is listed. The path devices of a multipath disk have no device number and no node, and cannot be
 * opened.
 */
export function findDisks(host: Host, name: string): Disk[] {
  return host.names('sys/class/block').flatMap((disk) => {
    const path = host.target('sys/class/block', disk);
    const number = host.text('sys/class/block', disk, 'dev');
    if (path === null || number === null || !isBelow(host, path, name)) return [];
    const isPartition = host.text('sys/class/block', disk, 'partition') !== null;
    const whole = isPartition ? basename(dirname(path)) : null;
    return [{ name: disk, owner: name, node: nodeOf(host, disk), number, whole }];
  });
}

/**
 * Returns the path of a disk's device node. In sysfs names, each slash is written as `!`:
 * `cciss!c0d0`.
 */
export function nodeOf(host: Host, disk: string): string {
  return host.path('dev', disk.replaceAll('!', '/'));
}
