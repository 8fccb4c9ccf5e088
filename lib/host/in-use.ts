import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Host } from './host.js';
import { Mounts } from './mounts.js';
import { sharesUse } from './shared.js';

/**
 * What would lose its ground if the function were taken from its driver: file systems that are
 * mounted, swap, network interfaces that are up. One phrase each, `'/dev/sda1 is mounted on /'`.
 *
 * @param mounts - read once for several functions
 */
export function usesOf(host: Host, name: string, mounts = new Mounts(host)): string[] {
  const disks = host.names('sys/class/block').filter((disk) => {
    return belongs(host.target('sys/class/block', disk), name);
  });
  return [
    ...disks.flatMap((disk) => disksUse(host, mounts, disk)),
    ...sharesUse(host, mounts, (path) => belongs(path, name)),
    ...interfaces(host, name),
  ];
}

/** Whether a device of sysfs is below the function. */
function belongs(path: string | null, name: string): boolean {
  if (path === null) return false;
  const parts = path.split('/');
  if (parts.includes(name)) return true;
  // A disk of NVMe belongs to a subsystem, which links to the controllers that reach it.
  const at = parts.findIndex((part) => /^nvme-subsys\d+$/.test(part));
  if (at < 0) return false;
  const subsystem = parts.slice(0, at + 1).join('/');
  return entries(subsystem)
    .filter((entry) => /^nvme\d+$/.test(entry))
    .some((entry) => realpath(join(subsystem, entry)).split('/').includes(name));
}

/** How a disk or partition is used, and what is built on it (LVM, RAID, encryption). */
function disksUse(host: Host, mounts: Mounts, disk: string): string[] {
  const holders = host.names('sys/class/block', disk, 'holders');
  const node = `/dev/${disk}`;
  const names = [disk, host.text('sys/class/block', disk, 'dm/name')];
  const number = host.text('sys/class/block', disk, 'dev');
  const mounted = mounts
    .pointsOf(({ device, source }) => device === number || names.includes(basename(source)))
    .map((point) => `${node} is mounted on ${point}`);
  const swap = swaps(host).some((path) => names.includes(basename(path)));
  return [
    ...new Set([
      ...mounted,
      ...(swap ? [`${node} is swapped to`] : []),
      ...holders.flatMap((holder) => disksUse(host, mounts, holder)),
    ]),
  ];
}

function swaps(host: Host): string[] {
  const [, ...lines] = (host.text('proc/swaps') ?? '').split('\n');
  return lines.map((line) => line.split(/\s/)[0] ?? '');
}

const IFF_UP = 1;

function interfaces(host: Host, name: string): string[] {
  return host
    .names('sys/class/net')
    .filter((one) => belongs(host.target('sys/class/net', one), name))
    .filter((one) => (Number(host.text('sys/class/net', one, 'flags') ?? 0) & IFF_UP) !== 0)
    .map((one) => `network interface ${one} is up`);
}

/** The processes that have one of these nodes open, `'qemu (1234)'`; of others' only root sees. */
export function openersOf(host: Host, nodes: readonly string[]): string[] {
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
