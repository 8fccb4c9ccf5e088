import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import { VfioError } from '../../../../lib/errors.js';
import { MockBackend, mockBackend } from '../../../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../../../lib/backend/mock/models/registry.js';
import { edu } from '../../../../lib/backend/mock/models/edu.js';
import { bind, CONFIG, connect, fails, open, plainModel, trigger } from '../support.js';

test('the back end opens names that start with `mock:`, and lists its models', (t) => {
  t.true(mockBackend.owns('mock:nvme'));
  t.true(mockBackend.owns('mock:nothing'));
  t.false(mockBackend.owns('0000:01:00.0'));
  t.deepEqual(
    mockBackend
      .list()
      .map(({ name, vendorId, deviceId, classCode, driver }) => [
        name,
        vendorId,
        deviceId,
        classCode,
        driver,
      ]),
    [
      ['mock:edu', 0x1234, 0x11e8, 0x00ff00, 'vfio-pci'],
      ['mock:nvme', 0x1b36, 0x0010, 0x010802, 'vfio-pci'],
      ['mock:testdev', 0x1b36, 0x0005, 0x00ff00, 'vfio-pci'],
      ['mock:dsa', 0x8086, 0x0b25, 0x088000, 'vfio-pci'],
      ['mock:wlan', 0x1234, 0x574c, 0x028000, 'vfio-pci'],
      ['mock:virtio-blk', 0x1af4, 0x1042, 0x010000, 'vfio-pci'],
    ],
  );
});

test('the first open starts with the power-on state, and a second open shares the device', async (t) => {
  const one = await mockBackend.open('mock:nvme', {});
  const two = mockBackend.openSync('mock:nvme', { via: 'group', noiommu: true });
  t.is(one.name, 'mock:nvme');
  t.is(one.via, 'group');
  t.is(one.addressSpace, two.addressSpace);
  one.store(0, 0x24, 4, 1);
  t.is(two.load(0, 0x24, 4), 1);
  bind(one, 2, 0, [one.createEventfd()]);
  t.is(two.load(CONFIG, 0x42, 2), 0x8040);
  one.close();
  t.is(two.load(CONFIG, 0x42, 2), 0x0040);
  two.close();
  const three = mockBackend.openSync('mock:nvme', {});
  t.is(three.load(0, 0x24, 4), 0);
  three.close();
});

test('a device cannot be open by group and by cdev at once, and cannot be open twice by cdev', (t) => {
  const backend = new MockBackend(new ModelRegistry([edu]));
  const opening = (via: 'group' | 'cdev') => backend.openSync('mock:edu', { via });
  const group = opening('group');
  const bound = t.throws(() => opening('cdev'), { instanceOf: VfioError });
  t.like(bound, { code: 'EBUSY', syscall: 'VFIO_DEVICE_BIND_IOMMUFD' });
  group.close();
  const cdev = opening('cdev');
  t.is(cdev.via, 'cdev');
  t.like(
    t.throws(() => opening('group')),
    { code: 'EBUSY', syscall: 'open' },
  );
  t.like(
    t.throws(() => opening('cdev')),
    { code: 'EINVAL', syscall: 'VFIO_DEVICE_BIND_IOMMUFD' },
  );
  cdev.close();
  opening('group').close();
});

test('the hint for an unknown model names the known models', async (t) => {
  const error = await t.throwsAsync(mockBackend.open('mock:floppy', {}), { instanceOf: VfioError });
  t.like(error, { code: 'ENODEV', path: 'mock:floppy' });
  t.regex(error.hint ?? '', /mock:edu, mock:nvme/);
});

test('openDevice() throws for an option that the mock does not support', (t) => {
  fails(t, 'ENOENT', () => mockBackend.openSync('mock:nvme?kernel=6.1', { via: 'cdev' }));
  const vfToken = '00112233-4455-6677-8899-aabbccddeeff';
  fails(t, 'EINVAL', () => mockBackend.openSync('mock:nvme', { vfToken }));
  const wrong = [
    { vfToken: 'secret' },
    { via: 'window' as never },
    { noiommu: 1 as never },
    { fds: { via: 'group', container: 3, group: 4 } as const },
  ];
  for (const options of wrong) {
    t.throws(() => mockBackend.openSync('mock:nvme', options), { instanceOf: TypeError });
  }
});

test('a VF token fails with EINVAL unless the device is a physical function', (t) => {
  const shapes = [
    { name: 'pcie', offset: 0x40 },
    { name: 'sriov', offset: 0x100 },
  ] as const;
  const backend = new MockBackend(new ModelRegistry([plainModel(shapes), edu]));
  const vfToken = '00112233-4455-6677-8899-aabbccddeeff';
  backend.openSync('mock:plain', { vfToken }).close();
  for (const [via, syscall] of [
    ['group', 'VFIO_GROUP_GET_DEVICE_FD'],
    ['cdev', 'VFIO_DEVICE_BIND_IOMMUFD'],
  ] as const) {
    const error = t.throws(() => backend.openSync('mock:edu', { vfToken, via }));
    t.like(error, { code: 'EINVAL', syscall });
  }
});

test('GET_INFO returns the flags, the number of regions and the number of interrupt indexes', (t) => {
  t.deepEqual(open(t, 'mock:edu').getInfo(), { flags: 3, numRegions: 9, numIrqs: 5 });
});

test('an error contains the name of the ioctl and the name of the device', (t) => {
  const error = t.throws(() => open(t, 'mock:nvme').getIrqInfo(9), { instanceOf: VfioError });
  t.like(error, { code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO', path: 'mock:nvme' });
});

test('a reset does not change configuration space and leaves the device in D0', async (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 4, 2, 6);
  device.store(0, 0x24, 4, 0x001f001f);
  const resets = [
    () => device.reset(),
    () => {
      device.resetSync();
      return Promise.resolve();
    },
    () => {
      device.hotReset([]);
      return Promise.resolve();
    },
  ];
  for (const reset of resets) {
    device.store(0, 0x14, 4, 0x00460001);
    t.is(device.load(0, 0x1c, 4), 1);
    device.store(CONFIG, 0x64, 2, 3);
    await reset();
    t.is(device.load(CONFIG, 0x64, 2), 8);
    t.is(device.load(0, 0x1c, 4), 0);
    t.is(device.load(CONFIG, 4, 2), 6);
  }
});

test('a hot reset affects one device', (t) => {
  const device = open(t, 'mock:nvme');
  const [, second] = mockBackend.list();
  t.deepEqual(device.getHotResetInfo(), {
    flags: 0,
    devices: [{ name: 'mock:nvme', id: second?.iommuGroup }],
  });
  t.notThrows(() => {
    device.hotReset([open(t, 'mock:nvme')]);
  });
  fails(t, 'EINVAL', () => {
    device.hotReset([open(t, 'mock:edu')]);
  });
  t.throws(
    () => {
      device.hotReset([{} as DeviceConnection]);
    },
    { instanceOf: TypeError },
  );
});

test('attaching a PASID needs a cdev and a kernel that can attach PASIDs', (t) => {
  const opening = (name: string) => open(t, name);
  const group = opening('mock:nvme');
  const attach = (device: DeviceConnection) => () => {
    device.attachPasid(1);
  };
  const detach = (device: DeviceConnection) => () => {
    device.detachPasid(1);
  };
  fails(t, 'ENOTSUP', attach(group));
  fails(t, 'ENOTSUP', detach(group));
  t.throws(
    () => {
      group.attachPasid(2 ** 20);
    },
    { instanceOf: RangeError },
  );
  const old = opening('mock:nvme?kernel=6.12&via=cdev');
  t.like(t.throws(attach(old)), { code: 'ENOTSUP', syscall: 'IOMMU_HWPT_ALLOC' });
  fails(t, 'EINVAL', detach(old));
  const newest = opening('mock:nvme?via=cdev');
  t.notThrows(detach(newest));
  t.notThrows(attach(newest));
  t.notThrows(attach(newest));
  t.notThrows(detach(newest));
  // PASID 0 stands for the requests without a PASID.
  fails(t, 'EBUSY', () => {
    newest.attachPasid(0);
  });
  t.notThrows(() => {
    newest.detachPasid(0);
  });
});

test('close() is idempotent, and every call after close() fails with EBADF', (t) => {
  const device = open(t, 'mock:nvme');
  const eventfd = device.createEventfd();
  const set = device.createEventSet(1);
  set.add(0, eventfd, true);
  bind(device, 2, 0, [eventfd]);
  const memory = device.addressSpace.allocate(PAGE_SIZE, false);
  device.addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), 0n, 3);
  device.ioeventfd({
    region: 0,
    offset: 0x24,
    width: 4,
    value: 1n,
    eventfd: device.createEventfd(),
  });
  device.close();
  device.close();
  const calls = [
    () => device.getInfo(),
    () => device.getRegionInfo(0),
    () => device.getIrqInfo(0),
    () => trigger(device, 2, 0, 0),
    () => device.feature(0, new Uint8Array(0)),
    () => device.read(0, 0, new Uint8Array(1)),
    () => device.write(0, 0, new Uint8Array(1)),
    () => device.load(0, 0, 4),
    () => {
      device.store(0, 0, 4, 0);
    },
    () => device.map(0, 0, PAGE_SIZE),
    () => {
      device.resetSync();
    },
    () => device.getHotResetInfo(),
    () => {
      device.hotReset([]);
    },
    () => {
      device.ioeventfd({ region: 0, offset: 0, width: 4, value: 0n, eventfd: null });
    },
    () => device.createEventfd(),
    () => device.createEventSet(1),
    () => device.getAffinity(2, 0),
    () => {
      device.addressSpace.mapSync(memory, 0, BigInt(PAGE_SIZE), 0n, 3);
    },
  ];
  for (const call of calls) t.throws(call, { code: 'EBADF' });
  // After close(), the caller can still use its own memory and eventfds.
  eventfd.signal();
  t.is(set.wait(0), 1);
  set.close();
  eventfd.close();
  const { buffer } = memory;
  memory.release();
  t.is(buffer.byteLength, 0);
});

test('a closed device does not run its deferred work', (t) => {
  let done = 0;
  const model = plainModel([], (host) => [
    {
      offset: 0,
      width: 4,
      name: 'start',
      write: () => {
        host.defer(() => done++);
      },
    },
  ]);
  const device = connect(t, model);
  device.store(0, 0, 4, 1);
  t.is(device.load(0, 0, 4), 0);
  t.is(done, 1);
  device.store(0, 0, 4, 1);
  const set = device.createEventSet(1);
  device.close();
  t.is(set.wait(0), 0);
  t.is(done, 1);
});

test('the mock works in a Node process with the flag --no-addons', async (t) => {
  const url = JSON.stringify(new URL('../../../../lib/backend/mock/index.js', import.meta.url));
  const program = `
    const { mockBackend } = await import(${url});
    const device = mockBackend.openSync('mock:edu', {});
    console.log(device.load(0, 0, 4).toString(16));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--no-addons',
    '--input-type=module',
    '-e',
    program,
  ]);
  t.is(stdout, '10000ed\n');
});
