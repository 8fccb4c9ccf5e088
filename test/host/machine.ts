import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { FakeHost } from './fake-host.js';

export const DISK = '0000:01:00.0';
export const NIC = '0000:02:00.0';

/** A machine with an NVMe disk and a network card. Each device is in its own IOMMU group. */
export function machine(t: ExecutionContext): FakeHost {
  const host = new FakeHost(t, {
    devices: [
      { name: DISK, driver: 'nvme', group: 1 },
      { name: NIC, driver: 'e1000e', group: 2 },
    ],
    drivers: ['vfio-pci', 'nvme', 'e1000e'],
  });
  mounts(host, '');
  return host;
}

/** Adds a block device below a folder in sysfs. */
export function disk(
  host: FakeHost,
  name: string,
  below: string,
  number: string,
  dm?: string,
): void {
  host.tree.file(`${below}/${name}/dev`, `${number}\n`);
  if (dm !== undefined) host.tree.file(`${below}/${name}/dm/name`, `${dm}\n`);
  link(host, `sys/class/block/${name}`, `${below}/${name}`);
}

/** Creates a symbolic link. Both paths are relative to the root of the machine. */
export function link(host: FakeHost, from: string, to: string): void {
  const path = join(host.tree.root, from);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(host.tree.root, to), path);
}

export function mounts(host: FakeHost, lines: string): void {
  host.tree.file('proc/self/mountinfo', lines);
}

export const CONTROLLER = `sys/bus/pci/devices/${DISK}/nvme/nvme0`;

/** Adds a process that has a device node open. The node is below /dev. */
export function opener(host: FakeHost, pid: number, name: string, node: string): void {
  host.tree.file(`proc/${pid}/comm`, `${name}\n`);
  mkdirSync(join(host.tree.root, `proc/${pid}/fd`), { recursive: true });
  symlinkSync(host.path('dev', node), join(host.tree.root, `proc/${pid}/fd/3`));
}
