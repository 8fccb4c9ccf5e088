import { chmodSync } from 'node:fs';
import test from 'ava';
import { Host } from '../../lib/host/host.js';
import { checkReadiness } from '../../lib/host/readiness.js';
import { CDEV_NODES, goodHost, GROUP_NODES, Tree } from '../sysfs/tree.js';

const hostOf = ({ root }: Tree) => new Host(root);

test('a function bound to vfio-pci is ready, both with a group node and with a character device', (t) => {
  t.deepEqual(checkReadiness(hostOf(goodHost(t)), '0000:01:00.0'), { ready: true });
  t.deepEqual(checkReadiness(hostOf(goodHost(t, CDEV_NODES)), '0000:01:00.0'), { ready: true });
});

test('a function with another driver is not ready, and the hint names the command that binds it', (t) => {
  const devices = [{ name: '0000:01:00.0', driver: 'nvme', group: 12 }];
  const found = checkReadiness(hostOf(new Tree(t, { devices })), '0000:01:00.0');
  t.is(found.missing, 'bound to nvme, not to vfio-pci');
  t.regex(found.hint ?? '', /vfio bind 0000:01:00\.0/);
});

test('an unbound function and a bridge are not ready', (t) => {
  const devices = [
    { name: '0000:00:01.0', driver: 'pcieport', group: 1, files: { class: '0x060400\n' } },
    { name: '0000:01:00.0', group: 12 },
  ];
  const host = hostOf(new Tree(t, { devices }));
  t.is(checkReadiness(host, '0000:01:00.0').missing, 'not bound to vfio-pci');
  const port = checkReadiness(host, '0000:00:01.0');
  t.is(port.missing, 'a bridge');
  t.regex(port.hint ?? '', /Bind the devices behind/);
});

test('a function without an IOMMU group is not ready', (t) => {
  const devices = [{ name: '0000:01:00.0', driver: 'vfio-pci' }];
  const found = checkReadiness(hostOf(new Tree(t, { devices })), '0000:01:00.0');
  t.is(found.missing, 'no IOMMU group');
});

test('the reason names each group member that has a host driver', (t) => {
  const devices = [
    { name: '0000:01:00.0', driver: 'vfio-pci', group: 12, vfioDevice: 'vfio0' },
    { name: '0000:01:00.1', driver: 'snd_hda_intel', group: 12 },
  ];
  const found = checkReadiness(
    hostOf(new Tree(t, { devices, nodes: GROUP_NODES })),
    '0000:01:00.0',
  );
  t.is(found.missing, 'group 12 is not viable: 0000:01:00.1 (snd_hda_intel)');
});

test('a missing device node and a device node without permission are reported', (t) => {
  const found = checkReadiness(hostOf(goodHost(t, ['vfio/vfio'])), '0000:01:00.0');
  t.regex(found.missing ?? '', /^no .*dev\/vfio\/12$/);
  if (process.getuid?.() === 0) return;
  const host = hostOf(goodHost(t));
  chmodSync(host.path('dev/vfio/12'), 0o400);
  t.regex(
    checkReadiness(host, '0000:01:00.0').missing ?? '',
    /^no permission for .*dev\/vfio\/12$/,
  );
});
