import test from 'ava';
import { MockBackend } from '../../../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../../../lib/backend/mock/models/registry.js';
import { testdev } from '../../../../lib/backend/mock/models/testdev.js';
import { closing, CONFIG, fails, open } from '../support.js';

test('a signal writes the register only while memory decode is enabled', (t) => {
  const device = open(t, 'mock:nvme');
  const eventfd = device.createEventfd();
  const request = { region: 0, offset: 0x24, width: 4, value: 0x1234n, eventfd };
  device.ioeventfd(request);
  eventfd.signal(5n);
  t.is(eventfd.read(), 0n);
  t.is(device.load(0, 0x24, 4), 0x1234);
  device.store(0, 0x24, 4, 0);
  device.store(CONFIG, 4, 2, 0);
  eventfd.signal();
  device.store(CONFIG, 4, 2, 2);
  t.is(device.load(0, 0x24, 4), 0);
  fails(t, 'EEXIST', () => {
    device.ioeventfd({ ...request, eventfd: device.createEventfd() });
  });
  device.ioeventfd({ ...request, eventfd: null });
  fails(t, 'ENODEV', () => {
    device.ioeventfd({ ...request, eventfd: null });
  });
  eventfd.signal();
  t.is(device.load(0, 0x24, 4), 0);
  t.is(eventfd.read(), 1n);
});

test('a signal writes an I/O port even if memory decode is disabled', (t) => {
  const device = closing(
    t,
    new MockBackend(new ModelRegistry([testdev])).openSync('mock:testdev', {}),
  );
  const PORTS = 1;
  const eventfd = device.createEventfd();
  device.store(CONFIG, 4, 2, 1);
  device.ioeventfd({ region: PORTS, offset: 0, width: 1, value: 2n, eventfd });
  t.is(device.load(PORTS, 0, 1), 0);
  eventfd.signal();
  // The write selects test 2 of the I/O ports, which has the number 5.
  t.is(device.load(PORTS, 0, 1), 5);
});

test('an unknown region fails with the error of GET_REGION_INFO', (t) => {
  const device = open(t, 'mock:nvme');
  for (const [region, syscall] of [
    [6, 'VFIO_DEVICE_IOEVENTFD'],
    [8, 'VFIO_DEVICE_GET_REGION_INFO'],
  ] as const) {
    t.throws(
      () => {
        device.ioeventfd({ region, offset: 0, width: 4, value: 0n, eventfd: null });
      },
      { code: 'EINVAL', message: new RegExp(syscall) },
    );
  }
});

test('binding a signalled eventfd writes the register; a closed eventfd stays bound', (t) => {
  const device = open(t, 'mock:nvme');
  const eventfd = device.createEventfd();
  const request = { region: 0, offset: 0x24, width: 2, value: 7n, eventfd };
  eventfd.signal();
  device.ioeventfd(request);
  t.is(device.load(0, 0x24, 4), 7);
  eventfd.close();
  fails(t, 'EEXIST', () => {
    device.ioeventfd({ ...request, eventfd: device.createEventfd() });
  });
  device.ioeventfd({ ...request, eventfd: null });
});

test('one signal writes all registers to which the eventfd is bound', (t) => {
  const device = open(t, 'mock:nvme');
  const eventfd = device.createEventfd();
  device.ioeventfd({ region: 0, offset: 0x24, width: 4, value: 1n, eventfd });
  device.ioeventfd({ region: 0, offset: 0x28, width: 4, value: 2n, eventfd });
  eventfd.signal(3n);
  t.deepEqual([device.load(0, 0x24, 4), device.load(0, 0x28, 4)], [1, 2]);
});

test('wrong requests fail with the kernel’s errors', (t) => {
  const device = open(t, 'mock:nvme');
  const eventfd = device.createEventfd();
  const request = { region: 0, offset: 0x24, width: 4, value: 0n, eventfd };
  const wrong = [
    { width: 0 },
    { width: 3 },
    { width: 16 },
    { width: 8 },
    { region: 7 },
    { region: 1 },
    { offset: 0x3ffe },
    { offset: 0x2000 },
    { offset: 0x1ffe },
  ];
  for (const change of wrong) {
    fails(t, 'EINVAL', () => {
      device.ioeventfd({ ...request, ...change });
    });
  }
  for (let i = 0; i < 1000; i++) device.ioeventfd({ ...request, value: BigInt(i) });
  fails(t, 'ENOSPC', () => {
    device.ioeventfd({ ...request, value: 1000n });
  });
  t.throws(
    () => {
      device.ioeventfd({ ...request, value: -1n });
    },
    { instanceOf: RangeError },
  );
});
