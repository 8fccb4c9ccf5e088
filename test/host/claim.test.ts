import test from 'ava';
import { applyPlan, listUses } from '../../lib/host/apply.js';
import { planBind } from '../../lib/host/binding.js';
import { examine } from '../../lib/host/doctor.js';
import { checkReadiness } from '../../lib/host/readiness.js';
import { VfioError } from '../../lib/errors.js';
import { CONTROLLER, DISK, disk, link, machine, mounts, NIC } from './machine.js';
import type { FakeHost } from './fake-host.js';
import type { ExecutionContext } from 'ava';

/** A machine whose disk has two partitions. */
function partitioned(t: ExecutionContext): FakeHost {
  const host = machine(t);
  disk(host, 'nvme0n1', CONTROLLER, '259:0');
  for (const part of [1, 2]) {
    disk(host, `nvme0n1p${part}`, `${CONTROLLER}/nvme0n1`, `259:${part}`);
    host.tree.file(`${CONTROLLER}/nvme0n1/nvme0n1p${part}/partition`, `${part}\n`);
  }
  return host;
}

const uses = (host: FakeHost) => listUses(host, planBind(host, DISK));

test('a disk that the kernel reports as busy counts as in use, and the text names its holders', (t) => {
  const host = partitioned(t);
  host.claimed.nvme0n1p2 = 'EBUSY';
  host.claimed.nvme0n1 = 'EBUSY';
  const unknown = 'the kernel or a program (a mount, swap, LVM, RAID, ZFS, btrfs)';
  t.deepEqual(uses(host), [`/dev/nvme0n1p2 is claimed by ${unknown}`]);

  disk(host, 'dm-0', 'sys/devices/virtual/block', '253:0', 'vg-vm1');
  link(host, `${CONTROLLER}/nvme0n1/nvme0n1p2/holders/dm-0`, 'sys/class/block/dm-0');
  t.deepEqual(uses(host), ['/dev/nvme0n1p2 is claimed by dm-0 (vg-vm1)']);
  const error = t.throws(() => applyPlan(host, planBind(host, DISK), false), {
    instanceOf: VfioError,
    code: 'EBUSY',
  });
  t.regex(error.message, /^EBUSY: in use: \/dev\/nvme0n1p2 is claimed by dm-0 \(vg-vm1\)/);
  t.deepEqual(host.writes, []);
});

test('a disk that is claimed because it is mounted is listed only once', (t) => {
  const host = partitioned(t);
  mounts(host, '25 1 259:1 / /data rw - ext4 /dev/nvme0n1p1 rw\n');
  host.claimed.nvme0n1p1 = 'EBUSY';
  host.claimed.nvme0n1 = 'EBUSY';
  t.deepEqual(uses(host), ['/dev/nvme0n1p1 is mounted on /data']);
});

test('a mount of partition 10 does not hide a claim on partition 1', (t) => {
  const host = partitioned(t);
  disk(host, 'nvme0n1p10', `${CONTROLLER}/nvme0n1`, '259:10');
  host.tree.file(`${CONTROLLER}/nvme0n1/nvme0n1p10/partition`, '10\n');
  mounts(host, '25 1 259:10 / /data rw - ext4 /dev/nvme0n1p10 rw\n');
  for (const name of ['nvme0n1', 'nvme0n1p1', 'nvme0n1p10']) host.claimed[name] = 'EBUSY';
  const unknown = 'the kernel or a program (a mount, swap, LVM, RAID, ZFS, btrfs)';
  t.deepEqual(uses(host), [
    '/dev/nvme0n1p10 is mounted on /data',
    `/dev/nvme0n1p1 is claimed by ${unknown}`,
  ]);
});

test('a disk that cannot be opened counts as in use', (t) => {
  for (const code of ['ENOENT', 'EACCES', 'ENXIO', 'EIO']) {
    const host = partitioned(t);
    host.claimed.nvme0n1p1 = code;
    t.deepEqual(uses(host), [`/dev/nvme0n1p1 is not accessible (${code})`]);
    t.throws(() => applyPlan(host, planBind(host, DISK), false), { code: 'EBUSY' });
    t.is(applyPlan(host, planBind(host, DISK), true)[0]?.to, 'vfio-pci');
  }
});

test('a drive without a medium, or a path of a multipath disk, does not count as in use', (t) => {
  const host = partitioned(t);
  host.claimed.nvme0n1 = 'ENOMEDIUM';
  // A path of a multipath disk has no device number and no device node.
  host.tree.file(`${CONTROLLER}/nvme0c0n1/hidden`, '1\n');
  link(host, 'sys/class/block/nvme0c0n1', `${CONTROLLER}/nvme0c0n1`);
  host.claimed.nvme0c0n1 = 'ENOENT';
  t.deepEqual(uses(host), []);
});

test('bind keeps the disk open until the driver of the disk is unbound', (t) => {
  const host = partitioned(t);
  applyPlan(host, planBind(host, DISK), false);
  t.deepEqual(host.log, [
    ...['open nvme0n1p1', 'close nvme0n1p1', 'open nvme0n1p2', 'close nvme0n1p2'],
    'open nvme0n1',
    ...['write driver_override', 'write unbind', 'close nvme0n1'],
    ...['write drivers_probe', 'write driver_override'],
  ]);
});

test('bind closes every disk after a refusal, after a failure and after a dry run', (t) => {
  const host = partitioned(t);
  disk(host, 'nvme0n2', CONTROLLER, '259:8');
  const open = () => host.log.filter((line) => line.startsWith('open')).length;
  const closed = () => host.log.filter((line) => line.startsWith('close')).length;
  uses(host);
  t.deepEqual([open(), closed()], [4, 4]);
  host.claimed.nvme0n1 = 'EBUSY';
  t.throws(() => applyPlan(host, planBind(host, DISK), false));
  t.deepEqual([open(), closed()], [7, 7]);
  delete host.claimed.nvme0n1;
  host.refused.add(`${DISK} vfio-pci`);
  t.throws(() => applyPlan(host, planBind(host, DISK), false));
  t.deepEqual([open(), closed()], [11, 11]);
});

test('planBind, `vfio doctor` and `vfio list` open no disk', (t) => {
  const host = partitioned(t);
  planBind(host, DISK);
  examine(host, { device: DISK });
  for (const name of [DISK, NIC]) checkReadiness(host, name);
  t.deepEqual(host.log, []);
});
