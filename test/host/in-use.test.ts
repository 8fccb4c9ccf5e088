import test from 'ava';
import { applyPlan } from '../../lib/host/apply.js';
import { planBind, planRelease } from '../../lib/host/binding.js';
import { findUses } from '../../lib/host/in-use.js';
import { VfioError } from '../../lib/errors.js';
import { FakeHost } from './fake-host.js';
import { CONTROLLER, DISK, disk, link, machine, mounts, NIC, opener } from './machine.js';

test('a disk that is not mounted is not in use', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  mounts(host, '25 1 8:1 / / rw - ext4 /dev/sda1 rw\n');
  t.deepEqual(findUses(host, DISK), []);
});

test('findUses() finds a mounted partition by its device number and by its name', (t) => {
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

test('findUses() finds a mounted disk of an NVMe multipath subsystem', (t) => {
  const host = machine(t);
  const subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk(host, 'nvme0n1', subsystem, '259:0');
  host.tree.folder(CONTROLLER);
  link(host, `${subsystem}/nvme0`, CONTROLLER);
  mounts(host, '25 1 259:0 / /scratch rw - xfs /dev/nvme0n1 rw\n');
  t.deepEqual(findUses(host, DISK), ['/dev/nvme0n1 is mounted on /scratch']);
});

test('findUses() finds a mounted LVM volume on the disk, and swap space on the disk', (t) => {
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

test('findUses() lists a mount in a container, or below a changed root, only once', (t) => {
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

test('findUses() finds a mounted 9p share by its tag', (t) => {
  const host = machine(t);
  share(host, 'virtio0', '9pnet_virtio', { mount_tag: 'host\0' });
  mounts(host, '23 2 0:20 / /mnt rw - 9p other rw,trans=virtio\n');
  t.deepEqual(findUses(host, DISK), []);
  mounts(host, '23 2 0:20 / / ro,relatime - 9p host ro,access=client,trans=virtio\n');
  t.deepEqual(findUses(host, DISK), ['the share of virtio0 is mounted on /']);
  t.deepEqual(findUses(host, NIC), []);
});

test('findUses() finds a virtiofs share by its tag, and also if the kernel reports no tags', (t) => {
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

test('a virtio function that is not a file system share does not count as in use', (t) => {
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

test('applyPlan refuses a function that is in use, unless its argument `force` is true', (t) => {
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

test('release refuses a device that a program has open', (t) => {
  const host = new FakeHost(t, {
    devices: [{ name: DISK, driver: 'vfio-pci', group: 1 }],
    nodes: ['vfio/vfio', 'vfio/1'],
  });
  opener(host, 4711, 'driver', 'vfio/1');
  const { uses } = planRelease(host, DISK);
  t.deepEqual(uses, ['open in driver (4711)']);
  t.throws(() => applyPlan(host, planRelease(host, DISK), false), { code: 'EBUSY' });
  t.is(host.driver(DISK), 'vfio-pci');
});

test('findUses() finds an open disk even if the disk has another path in a container', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  opener(host, 70, 'qemu', 'nvme0n1');
  opener(host, 71, 'postgres', 'xvda');
  opener(host, 72, 'sh', 'null');
  host.numbers['proc/71/fd/3'] = 'b259:0';
  t.deepEqual(findUses(host, DISK), ['/dev/nvme0n1 is open in qemu (70), postgres (71)']);
});

test('every disk of a mounted btrfs is in use', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  host.tree.folder('sys/fs/btrfs/features');
  link(host, 'sys/fs/btrfs/4c9c/devices/nvme0n1', `${CONTROLLER}/nvme0n1`);
  mounts(host, '25 1 0:30 / /data rw - btrfs /dev/sda rw\n');
  t.deepEqual(findUses(host, DISK), ['/dev/nvme0n1 is a disk of a mounted btrfs']);
});

test('a ZFS dataset with the same name as a disk is not mistaken for the disk', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  mounts(host, '25 1 0:30 / /data rw - zfs tank/nvme0n1 rw\n');
  t.deepEqual(findUses(host, DISK), []);
});

test('a disk behind a loop device, an NVMe target or a SCSI target is in use', (t) => {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  disk(host, 'loop3', 'sys/devices/virtual/block', '7:3');
  host.tree.file('sys/devices/virtual/block/loop3/loop/backing_file', '/dev/nvme0n1\n');
  host.tree.file('dev/nvme0n1', '');
  link(host, 'dev/disk/by-id/nvme-1', 'dev/nvme0n1');
  const target = 'sys/kernel/config/nvmet/subsystems/nqn.one/namespaces';
  for (const [one, enable] of [
    ['1', '1'],
    ['2', '0'],
  ] as const) {
    host.tree.file(`${target}/${one}/device_path`, '/dev/disk/by-id/nvme-1\n');
    host.tree.file(`${target}/${one}/enable`, `${enable}\n`);
  }
  const store = 'sys/kernel/config/target/core/fileio_0/disk';
  host.tree.file(`${store}/info`, 'TCM FILEIO ID: 0        File: /dev/nvme0n1  Size: 512\n');
  host.tree.file('sys/kernel/config/target/core/iblock_1/other/udev_path', '/dev/sda\n');
  t.deepEqual(findUses(host, DISK), [
    '/dev/nvme0n1 is used by loop3',
    '/dev/nvme0n1 is used by the NVMe target nqn.one',
    '/dev/nvme0n1 is used by the SCSI target fileio_0/disk',
  ]);
});

test('a function is in use while one of its character devices is open', (t) => {
  const host = machine(t);
  const folders = { '242:0': 'nvme0', '241:0': 'nvme0/ng0n1', '240:7': 'nvme0/nvme9' };
  for (const [number, folder] of Object.entries(folders)) {
    const device = `sys/bus/pci/devices/${DISK}/nvme/${folder}`;
    host.tree.file(`${device}/uevent`, `MAJOR=1\nDEVNAME=${folder.split('/').at(-1) ?? ''}\n`);
    link(host, `sys/dev/char/${number}`, device);
  }
  opener(host, 80, 'smartd', 'nvme0');
  opener(host, 81, 'fio', 'somewhere/ng');
  host.numbers['proc/81/fd/3'] = 'c241:0';
  t.deepEqual(findUses(host, DISK).sort(), [
    '/dev/ng0n1 is open in fio (81)',
    '/dev/nvme0 is open in smartd (80)',
  ]);
  t.deepEqual(findUses(host, NIC), []);
});

test('an NVIDIA GPU is in use while its device node is open', (t) => {
  const host = new FakeHost(t, {
    devices: [DISK, NIC].map((name) => ({ name, driver: 'nvidia' })),
    nodes: ['nvidia0', 'nvidia1', 'nvidiactl'],
  });
  opener(host, 90, 'python3', 'nvidia1');
  opener(host, 91, 'nvtop', 'nvidiactl');
  host.tree.file(`proc/driver/nvidia/gpus/${DISK}/information`, 'Device Minor: \t 0\n');
  host.tree.file(`proc/driver/nvidia/gpus/${NIC}/information`, 'Device Minor: \t 1\n');
  t.deepEqual(findUses(host, DISK), []);
  t.deepEqual(findUses(host, NIC), ['/dev/nvidia1 is open in python3 (90)']);
});
