import test from 'ava';
import { chooseVia } from '../../lib/sysfs/via.js';
import { CDEV_NODES, goodHost, GROUP_NODES } from './tree.js';

test('if the nodes of the character device exist, the option `via` is `cdev` by default', (t) => {
  const both = goodHost(t, [...GROUP_NODES, ...CDEV_NODES]).sysfs;
  t.is(chooseVia(both, 'vfio0', {}, undefined), 'cdev');
  t.is(chooseVia(both, null, {}, undefined), 'group');
  t.is(chooseVia(goodHost(t).sysfs, 'vfio0', {}, undefined), 'group');
  const noIommufd = goodHost(t, [...GROUP_NODES, 'vfio/devices/vfio0']).sysfs;
  t.is(chooseVia(noIommufd, 'vfio0', {}, undefined), 'group');
});

test('the option `fds` overrides the option `via`, and `via` overrides the variable VFIO_VIA', (t) => {
  const { sysfs } = goodHost(t, [...GROUP_NODES, ...CDEV_NODES]);
  t.is(chooseVia(sysfs, 'vfio0', {}, 'group'), 'group');
  t.is(chooseVia(sysfs, 'vfio0', { via: 'cdev' }, 'group'), 'cdev');
  const fds = { via: 'group', container: 3, group: 4 } as const;
  t.is(chooseVia(sysfs, 'vfio0', { fds }, 'cdev'), 'group');
  t.is(chooseVia(sysfs, 'vfio0', {}, ''), 'cdev');
});

test('if the variable VFIO_VIA is invalid, the error contains its value', (t) => {
  t.throws(() => chooseVia(goodHost(t).sysfs, null, {}, 'iommufd'), {
    instanceOf: TypeError,
    message: "VFIO_VIA must be 'group' or 'cdev', not 'iommufd'",
  });
});
