import test, { type ExecutionContext } from 'ava';
import type { AddressSpace } from '../../../lib/contract/index.js';
import { CDEV_NODES, goodHost } from '../../sysfs/tree.js';
import { failure, make } from './backend.js';

const NAME = '0000:01:00.0';

function open(t: ExecutionContext) {
  const { fake, backend } = make(goodHost(t, CDEV_NODES));
  const device = backend.openSync(NAME, {});
  fake.calls.length = 0;
  return { fake, device };
}

test('attaching the first PASID allocates a page table, and close destroys the page table', (t) => {
  const { fake, device } = open(t);
  device.attachPasid(5);
  device.attachPasid(6);
  device.detachPasid(5);
  t.deepEqual(fake.calls.splice(0), [
    'iommufdHwptAlloc 100 8 103 101',
    'deviceAttachPt 102 104 null',
    'deviceAttachPt 102 104 5',
    'deviceAttachPt 102 104 6',
    'deviceDetachPt 102 5',
  ]);
  device.close();
  t.deepEqual(fake.calls, [
    'deviceDetachPt 102 6',
    'deviceDetachPt 102 null',
    'iommufdDestroy 100 104',
    'close 102',
    'iommufdDestroy 100 101',
    'close 100',
  ]);
});

test('each address space with a PASID has a page table, until its last PASID is detached', (t) => {
  const { fake, device } = open(t);
  const [one, two] = [device.createAddressSpace(), device.createAddressSpace()];
  device.attachPasid(5, { addressSpace: one });
  device.attachPasid(6, { addressSpace: one });
  fake.calls.splice(0);
  device.attachPasid(5, { addressSpace: two });
  device.attachPasid(6, { addressSpace: two });
  t.deepEqual(fake.calls.splice(0), [
    'iommufdHwptAlloc 100 8 103 105',
    'deviceAttachPt 102 108 5',
    'deviceAttachPt 102 108 6',
    'iommufdDestroy 100 107',
  ]);
  device.attachPasid(5, { addressSpace: device.addressSpace });
  device.detachPasid(6);
  t.deepEqual(fake.calls.splice(0), [
    'deviceAttachPt 102 106 5',
    'deviceDetachPt 102 6',
    'iommufdDestroy 100 108',
  ]);
  two.close();
  two.close();
  t.deepEqual(fake.calls.splice(0), ['iommufdDestroy 100 105']);
  t.is(
    failure(t, () => {
      device.attachPasid(5, { addressSpace: two });
    }).code,
    'EBADF',
  );
  device.close();
  t.true(fake.fds.has(100), 'the address space keeps the iommufd open');
  one.close();
  t.deepEqual([...fake.fds], []);
});

test('an address space that the kernel does not destroy stays open', (t) => {
  const { fake, device } = open(t);
  const space = device.createAddressSpace();
  const memory = space.allocate(4096, false);
  space.mapSync(memory, 0, 4096n, 0n, 3);
  fake.fail('iommufdDestroy', 'EBUSY');
  t.is(
    failure(t, () => {
      space.close();
    }).code,
    'EBUSY',
  );
  t.is(space.unmap(0n, 4096n, 0), 4096n);
  fake.fail('iommufdDestroy', null);
  space.close();
  t.throws(() => space.ranges(), { code: 'EBADF' });
});

test('attachPasid() refuses the address space of another device and of another back end', (t) => {
  const { device } = open(t);
  for (const addressSpace of [open(t).device.createAddressSpace(), {}, null]) {
    t.throws(
      () => {
        device.attachPasid(5, { addressSpace: addressSpace as AddressSpace });
      },
      { instanceOf: TypeError },
    );
  }
});

test('if a PASID is refused, the device stays attached to its address space', (t) => {
  const { fake, device } = open(t);
  fake.fail('iommufdHwptAlloc', 'EOPNOTSUPP');
  t.like(
    failure(t, () => {
      device.attachPasid(5);
    }),
    { code: 'ENOTSUP', path: NAME },
  );
  t.deepEqual(fake.drainCalls(), ['iommufdHwptAlloc']);
  fake.fail('iommufdHwptAlloc', null);
  fake.fail('deviceAttachPt', 'EINVAL');
  t.is(
    failure(t, () => {
      device.attachPasid(5);
    }).code,
    'EINVAL',
  );
  t.deepEqual(fake.drainCalls(), ['iommufdHwptAlloc', 'deviceAttachPt', 'iommufdDestroy']);
});
