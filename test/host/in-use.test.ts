import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { applyPlan } from '../../lib/host/apply.js';
import { planBind, planRelease } from '../../lib/host/binding.js';
import { findUses } from '../../lib/host/in-use.js';
import { VfioError } from '../../lib/errors.js';
import { FakeHost } from './fake-host.js';

const DISK = '0000:01:00.0';
const NIC = '0000:02:00.0';

function machine(t: ExecutionContext): FakeHost {
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

/** Adds a block device below a folder of sysfs. */
function disk(host: FakeHost, name: string, below: string, number: string, dm?: string): void {
  host.tree.file(`${below}/${name}/dev`, `${number}\n`);
  if (dm !== undefined) host.tree.file(`${below}/${name}/dm/name`, `${dm}\n`);
  link(host, `sys/class/block/${name}`, `${below}/${name}`);
}

function link(host: FakeHost, from: string, to: string): void {
  const path = join(host.tree.root, from);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(host.tree.root, to), path);
}

function mounts(host: FakeHost, lines: string): void {
  host.tree.file('proc/self/mountinfo', lines);
}

const CONTROLLER = `sys/bus/pci/devices/${DISK}/nvme/nvme0`;

test('a disk that is not mounted is not in use', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  mounts(host, '25 1 8:1 / / rw - ext4 /dev/sda1 rw\n');
  t.deepEqual(findUses(host, DISK), []);
});

test('a mounted partition is found by its number and by its name', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  disk(host, 'nvme0n1p1', `${CONTROLLER}/nvme0n1`, '259:1');
  disk(host, 'nvme0n1p2', `${CONTROLLER}/nvme0n1`, '259:2');
  const btrfs = '26 1 0:22 / /data rw shared:1 - btrfs /dev/nvme0n1p2 rw,space_cache';
  mounts(host, `25 1 259:1 / / rw - ext4 /dev/root rw\n${btrfs}\n`);
  t.deepEqual(findUses(host, DISK), [
    '/dev/nvme0n1p1 is mounted on /',
    '/dev/nvme0n1p2 is mounted on /data',
  ]);
  t.deepEqual(findUses(host, NIC), []);
});

test('a mounted disk of an NVMe multipath subsystem is found', (t) => {
  const host = machine(t);
  const subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk(host, 'nvme0n1', subsystem, '259:0');
  host.tree.folder(CONTROLLER);
  link(host, `${subsystem}/nvme0`, CONTROLLER);
  mounts(host, '25 1 259:0 / /scratch rw - xfs /dev/nvme0n1 rw\n');
  t.deepEqual(findUses(host, DISK), ['/dev/nvme0n1 is mounted on /scratch']);
});

test('a mounted LVM volume and swap on the disk are found', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  disk(host, 'dm-0', 'sys/devices/virtual/block', '253:0', 'vg-root');
  disk(host, 'dm-1', 'sys/devices/virtual/block', '253:1', 'vg-swap');
  link(host, `${CONTROLLER}/nvme0n1/holders/dm-0`, 'sys/class/block/dm-0');
  link(host, `${CONTROLLER}/nvme0n1/holders/dm-1`, 'sys/class/block/dm-1');
  mounts(host, '25 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n');
  const swap = '/dev/dm-1                               partition\t2097148\t0\t-2\n';
  host.tree.file('proc/swaps', `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n${swap}`);
  t.deepEqual(findUses(host, DISK), ['/dev/dm-0 is mounted on /', '/dev/dm-1 is used as swap']);
});

test('a mount in a container or below a changed root is listed once', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  disk(host, 'nvme0n2', CONTROLLER, '259:1');
  mounts(host, '25 1 259:1 / / rw - ext4 /dev/nvme0n2 rw\n');
  const inside = '31 1 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n';
  for (const process of [90, 812, 813]) {
    host.tree.file(`proc/${process}/comm`, 'dockerd\n');
    const copy = `${process} 1 259:1 / /lower rw - ext4 /dev/nvme0n2 rw\n`;
    host.tree.file(`proc/${process}/mountinfo`, process === 90 ? copy : copy + inside);
  }
  t.deepEqual(findUses(host, DISK), [
    '/dev/nvme0n1 is mounted on /data in dockerd (812)',
    '/dev/nvme0n2 is mounted on /',
  ]);
});

/** Adds a virtio device with a driver of the virtio bus. */
function share(host: FakeHost, name: string, driver: string, files: Record<string, string>): void {
  const device = `sys/bus/pci/devices/${DISK}/${name}`;
  host.tree.folder(`sys/bus/virtio/drivers/${driver}`);
  host.tree.folder(device);
  for (const [file, text] of Object.entries(files)) host.tree.file(`${device}/${file}`, text);
  link(host, `${device}/driver`, `sys/bus/virtio/drivers/${driver}`);
  link(host, `sys/bus/virtio/devices/${name}`, device);
}

test('a mounted 9p share is found by its tag', (t) => {
  const host = machine(t);
  share(host, 'virtio0', '9pnet_virtio', { mount_tag: 'host\0' });
  mounts(host, '23 2 0:20 / /mnt rw - 9p other rw,trans=virtio\n');
  t.deepEqual(findUses(host, DISK), []);
  mounts(host, '23 2 0:20 / / ro,relatime - 9p host ro,access=client,trans=virtio\n');
  t.deepEqual(findUses(host, DISK), ['the share of virtio0 is mounted on /']);
  t.deepEqual(findUses(host, NIC), []);
});

test('a virtiofs share is found by its tag, or without one if the kernel does not report tags', (t) => {
  const host = machine(t);
  share(host, 'virtio3', 'virtiofs', {});
  mounts(host, '23 2 0:20 / /mnt rw - virtiofs one rw\n');
  t.deepEqual(findUses(host, DISK), ['the share of virtio3 is mounted on /mnt']);
  host.tree.file('sys/fs/virtiofs/0/tag', 'two\n');
  link(host, 'sys/fs/virtiofs/0/device', `sys/bus/pci/devices/${DISK}/virtio3`);
  t.deepEqual(findUses(host, DISK), []);
  host.tree.file('sys/fs/virtiofs/0/tag', 'one\n');
  t.deepEqual(findUses(host, DISK), ['the share of virtio3 is mounted on /mnt']);
});

test('another kind of virtio function is not in use', (t) => {
  const host = machine(t);
  share(host, 'virtio1', 'virtio_rng', {});
  mounts(host, '23 2 0:20 / / rw - 9p host rw\n24 23 0:21 / /mnt rw - virtiofs one rw\n');
  t.deepEqual(findUses(host, DISK), []);
});

test('a network interface is in use while it is up', (t) => {
  const host = machine(t);
  const net = `sys/bus/pci/devices/${NIC}/net/eth0`;
  host.tree.file(`${net}/flags`, '0x1002\n');
  link(host, 'sys/class/net/eth0', net);
  t.deepEqual(findUses(host, NIC), []);
  host.tree.file(`${net}/flags`, '0x1003\n');
  t.deepEqual(findUses(host, NIC), ['network interface eth0 is up']);
});

test('a plan with uses is refused unless forced', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  mounts(host, '25 1 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n');
  const error = t.throws(() => applyPlan(host, planBind(host, DISK), false), {
    instanceOf: VfioError,
    code: 'EBUSY',
  });
  t.regex(error.message, /in use: \/dev\/nvme0n1 is mounted on \/data/);
  t.regex(error.hint ?? '', /umount.*--force/);
  t.deepEqual(host.writes, []);
  applyPlan(host, planBind(host, DISK), true);
  t.is(host.driver(DISK), 'vfio-pci');
});

test('a device that a program has open is not released', (t) => {
  const host = new FakeHost(t, {
    devices: [{ name: DISK, driver: 'vfio-pci', group: 1 }],
    nodes: ['vfio/vfio', 'vfio/1'],
  });
  host.tree.file('proc/4711/comm', 'driver\n');
  mkdirSync(join(host.tree.root, 'proc/4711/fd'));
  symlinkSync(host.path('dev/vfio/1'), join(host.tree.root, 'proc/4711/fd/9'));
  const { uses } = planRelease(host, DISK);
  t.deepEqual(uses, ['open in driver (4711)']);
  t.throws(() => applyPlan(host, planRelease(host, DISK), false), { code: 'EBUSY' });
  t.is(host.driver(DISK), 'vfio-pci');
});
