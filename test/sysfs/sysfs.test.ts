import test from 'ava';
import { Sysfs } from '../../lib/sysfs/sysfs.js';
import { goodHost, Tree } from './tree.js';

test('list() sorts the functions by address, and returns their drivers and groups', (t) => {
  const { sysfs } = new Tree(t, {
    devices: [
      { name: '0000:02:00.0', driver: 'nvme', group: 3 },
      { name: '0000:00:1f.2' },
      { name: '10000:e1:00.0', driver: 'vfio-pci', group: 0, files: { class: '0x020000' } },
    ],
  });
  const [first, second, third] = sysfs.list();
  t.deepEqual(second, {
    name: '0000:02:00.0',
    vendorId: 0x1b36,
    deviceId: 0x10,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    classCode: 0x010802,
    revision: 2,
    driver: 'nvme',
    iommuGroup: 3,
  });
  t.like(first, { name: '0000:00:1f.2', driver: null, iommuGroup: null });
  t.like(third, { name: '10000:e1:00.0', classCode: 0x020000, iommuGroup: 0 });
});

test('list() omits functions that disappear, and entries that are not functions', (t) => {
  const tree = new Tree(t, {
    devices: [{ name: '0000:01:00.0', files: { revision: null } }, { name: '0000:02:00.0' }],
  });
  tree.folder('sys/bus/pci/devices/pci0000:00');
  t.deepEqual(
    tree.sysfs.list().map(({ name }) => name),
    ['0000:02:00.0'],
  );
});

test('list() returns an empty list on a host without PCI', (t) => {
  t.deepEqual(new Tree(t).sysfs.list(), []);
});

test('group() marks a no-IOMMU group, and list() does not report it as an IOMMU group', (t) => {
  const { sysfs } = new Tree(t, {
    devices: [{ name: '0000:01:00.0', driver: 'vfio-pci', group: 0 }],
    noiommu: [0],
  });
  t.deepEqual(sysfs.group('0000:01:00.0'), { number: 0, noiommu: true });
  t.is(sysfs.list()[0]?.iommuGroup, null);
  t.true(sysfs.groupNode({ number: 0, noiommu: true }).endsWith('/dev/vfio/noiommu-0'));
});

test('Sysfs lists the devices of a group with their drivers', (t) => {
  const { sysfs } = new Tree(t, {
    devices: [
      { name: '0000:01:00.1', group: 4 },
      { name: '0000:01:00.0', group: 4, driver: 'xhci_hcd' },
      { name: '0000:02:00.0', group: 5 },
    ],
  });
  t.deepEqual(sysfs.members({ number: 4, noiommu: false }), [
    { name: '0000:01:00.0', driver: 'xhci_hcd' },
    { name: '0000:01:00.1', driver: null },
  ]);
  t.deepEqual(sysfs.members({ number: 9, noiommu: false }), []);
});

test('Sysfs returns the paths of device nodes that the kernel uses', (t) => {
  const sysfs = new Sysfs();
  t.is(sysfs.containerNode, '/dev/vfio/vfio');
  t.is(sysfs.iommuNode, '/dev/iommu');
  t.is(sysfs.groupNode({ number: 12, noiommu: false }), '/dev/vfio/12');
  t.is(sysfs.deviceNode('vfio0'), '/dev/vfio/devices/vfio0');
  t.is(goodHost(t).sysfs.vfioDevice('0000:02:00.0'), 'vfio1');
});

test('memlockLimit() returns the soft limit, or null for a process without a limit', (t) => {
  t.is(new Tree(t, { memlock: '65536' }).sysfs.memlockLimit(), 65536n);
  t.is(new Tree(t, { memlock: 'unlimited' }).sysfs.memlockLimit(), null);
});

test('reservedRegions() returns the regions that no device of the machine can use', (t) => {
  const tree = new Tree(t);
  t.deepEqual(tree.sysfs.reservedRegions(), []);
  const msi = '0x0000000008000000 0x00000000080fffff msi\n';
  tree.file('sys/kernel/iommu_groups/0/reserved_regions', msi);
  tree.file(
    'sys/kernel/iommu_groups/1/reserved_regions',
    `0x00000000000a0000 0x00000000000bffff direct\n${msi}0x000000fd00000000 0x000000ffffffffff reserved\n`,
  );
  t.deepEqual(tree.sysfs.reservedRegions(), [
    { start: 0x800_0000n, end: 0x80f_ffffn },
    { start: 0xfd_0000_0000n, end: 0xff_ffff_ffffn },
  ]);
});
