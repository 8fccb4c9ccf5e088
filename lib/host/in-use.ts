import { basename } from 'node:path';
import { Activity } from './activity.js';
import { findDisks, isBelow } from './below.js';
import { findCharacterUses } from './character-devices.js';
import { findExports } from './exports.js';
import type { Host } from './host.js';
import type { Mounts } from './mounts.js';
import { findInterfaceUses } from './network.js';
import { findShareUses } from './shares.js';
import { findVirtualUses } from './virtual-functions.js';

/**
 * Lists the uses that end if the function loses its driver: mounted file systems, swap, open disks,
 * open character devices, active network interfaces, and virtual functions. Each use is a phrase:
 * `'/dev/sda1 is mounted on /'`. Unlike the class `Claim`, this function opens no disk.
 *
 * @param activity - the current state of the machine; pass the same object for all functions of a
 *   group
 */
export function findUses(host: Host, name: string, activity = new Activity(host)): string[] {
  const disks = findDisks(host, name).flatMap((disk) => findDiskUses(host, activity, disk.name));
  return [
    ...new Set(disks),
    ...findShareUses(host, activity.mounts, (path) => isBelow(host, path, name)),
    ...findCharacterUses(host, activity, name),
    ...findInterfaceUses(host, activity, name),
    ...findVirtualUses(host, activity, name),
  ];
}

/**
 * Lists the uses of a disk or partition, and the uses of the block devices on top of the disk (LVM,
 * RAID, encryption).
 */
function findDiskUses(host: Host, activity: Activity, disk: string): string[] {
  const holders = host.names('sys/class/block', disk, 'holders');
  const node = `/dev/${disk}`;
  const names = [disk, host.text('sys/class/block', disk, 'dm/name')];
  const number = host.text('sys/class/block', disk, 'dev');
  const processes = activity.openNodes.findProcesses([
    { path: host.path('dev', disk), number: number === null ? null : `b${number}` },
  ]);
  const isSwap = activity.swaps.some((path) => names.includes(basename(path)));
  return [
    ...findMounted(activity.mounts, names, number).map((point) => `${node} is mounted on ${point}`),
    ...(isSwap ? [`${node} is used as swap`] : []),
    ...(isInBtrfs(host, disk) ? [`${node} is a disk of a mounted btrfs`] : []),
    ...findExports(host, disk, number),
    ...(processes.length === 0 ? [] : [`${node} is open in ${processes.join(', ')}`]),
    ...holders.flatMap((holder) => findDiskUses(host, activity, holder)),
  ];
}

function findMounted(
  mounts: Mounts,
  names: readonly (string | null)[],
  number: string | null,
): string[] {
  return mounts.findPoints(({ device, source }) => {
    return device === number || (source.startsWith('/') && names.includes(basename(source)));
  });
}

/**
 * Whether a disk belongs to a mounted btrfs. The list of mounts contains only the first disk of a
 * btrfs.
 */
function isInBtrfs(host: Host, disk: string): boolean {
  return host
    .names('sys/fs/btrfs')
    .some((volume) => host.names('sys/fs/btrfs', volume, 'devices').includes(disk));
}
