import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Host } from './host.js';
import { Mounts } from './mounts.js';
import { findShareUses } from './shares.js';

/**
 * Lists the uses that end if the function loses its driver: mounted file systems, swap, network
 * interfaces that are up. Each use is a phrase: `'/dev/sda1 is mounted on /'`.
 *
 * @param mounts - the mounts of the machine; pass them when several functions are checked
 */
export function findUses(host: Host, name: string, mounts = new Mounts(host)): string[] {
  const disks = host.names('sys/class/block').filter((disk) => {
    return isBelow(host.target('sys/class/block', disk), name);
  });
  return [
    ...disks.flatMap((disk) => findDiskUses(host, mounts, disk)),
    ...findShareUses(host, mounts, (path) => isBelow(path, name)),
    ...findInterfaceUses(host, name),
  ];
}

/** Whether a device of sysfs is below the function. */
function isBelow(path: string | null, name: string): boolean {
  if (path === null) return false;
  const parts = path.split('/');
  if (parts.includes(name)) return true;
  // An NVMe disk is below a subsystem, which has links to the controllers of the disk.
  const at = parts.findIndex((part) => /^nvme-subsys\d+$/.test(part));
  if (at < 0) return false;
  const subsystem = parts.slice(0, at + 1).join('/');
  return entries(subsystem)
    .filter((entry) => /^nvme\d+$/.test(entry))
    .some((entry) => realpath(join(subsystem, entry)).split('/').includes(name));
}

/** Lists the uses of a disk or partition and of its holders (LVM, RAID, encryption). */
function findDiskUses(host: Host, mounts: Mounts, disk: string): string[] {
  const holders = host.names('sys/class/block', disk, 'holders');
  const node = `/dev/${disk}`;
  const names = [disk, host.text('sys/class/block', disk, 'dm/name')];
  const number = host.text('sys/class/block', disk, 'dev');
  const mounted = mounts
    .findPoints(({ device, source }) => device === number || names.includes(basename(source)))
    .map((point) => `${node} is mounted on ${point}`);
  const isSwap = readSwaps(host).some((path) => names.includes(basename(path)));
  return [
    ...new Set([
      ...mounted,
      ...(isSwap ? [`${node} is used as swap`] : []),
      ...holders.flatMap((holder) => findDiskUses(host, mounts, holder)),
    ]),
  ];
}

function readSwaps(host: Host): string[] {
  const [, ...lines] = (host.text('proc/swaps') ?? '').split('\n');
  return lines.map((line) => line.split(/\s/)[0] ?? '');
}

const IFF_UP = 1;

function findInterfaceUses(host: Host, name: string): string[] {
  return host
    .names('sys/class/net')
    .filter((one) => isBelow(host.target('sys/class/net', one), name))
    .filter((one) => (Number(host.text('sys/class/net', one, 'flags') ?? 0) & IFF_UP) !== 0)
    .map((one) => `network interface ${one} is up`);
}

/**
 * Lists the processes that have one of the nodes open, `'qemu (1234)'`. Only root sees the
 * processes of other users.
 */
export function findOpeners(host: Host, nodes: readonly string[]): string[] {
  return host
    .names('proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      const folder = host.path('proc', pid, 'fd');
      return entries(folder).some((fd) => nodes.includes(link(join(folder, fd))));
    })
    .map((pid) => `${host.text('proc', pid, 'comm') ?? 'process'} (${pid})`);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return '';
  }
}
