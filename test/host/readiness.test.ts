import { chmodSync } from 'node:fs';
import test from 'ava';
import { readiness } from '../../lib/host/readiness.js';
import { CDEV_NODES, goodHost, GROUP_NODES, Tree } from '../backend/kernel/tree.js';

test('ready by group and by character device', (t) => {
  t.deepEqual(readiness(goodHost(t).sysfs, '0000:01:00.0'), { ready: true });
  t.deepEqual(readiness(goodHost(t, CDEV_NODES).sysfs, '0000:01:00.0'), { ready: true });
});

test('bound to another driver', (t) => {
  const devices = [{ name: '0000:01:00.0', driver: 'nvme', group: 12 }];
  const found = readiness(new Tree(t, { devices }).sysfs, '0000:01:00.0');
  t.is(found.missing, 'bound to nvme, not to vfio-pci');
  t.regex(found.hint ?? '', /vfio bind 0000:01:00\.0/);
});

test('no IOMMU', (t) => {
  const devices = [{ name: '0000:01:00.0', driver: 'vfio-pci' }];
  const found = readiness(new Tree(t, { devices }).sysfs, '0000:01:00.0');
  t.is(found.missing, 'no IOMMU group');
});

test('a neighbour in the group, by name', (t) => {
  const devices = [
    { name: '0000:01:00.0', driver: 'vfio-pci', group: 12, vfioDevice: 'vfio0' },
    { name: '0000:01:00.1', driver: 'snd_hda_intel', group: 12 },
  ];
  const found = readiness(new Tree(t, { devices, nodes: GROUP_NODES }).sysfs, '0000:01:00.0');
  t.is(found.missing, 'group 12 is not viable: 0000:01:00.1 (snd_hda_intel)');
});

test('a node that is missing, and one that this user may not open', (t) => {
  const found = readiness(goodHost(t, ['vfio/vfio']).sysfs, '0000:01:00.0');
  t.regex(found.missing ?? '', /^no .*dev\/vfio\/12$/);
  if (process.getuid?.() === 0) return;
  const { sysfs } = goodHost(t);
  chmodSync(sysfs.path('dev/vfio/12'), 0o400);
  t.regex(readiness(sysfs, '0000:01:00.0').missing ?? '', /^no permission for .*dev\/vfio\/12$/);
});
