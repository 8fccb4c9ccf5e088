import test from 'ava';
import type { ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../lib/checks.js';
import type { DeviceConnection, OpenOptions } from '../../../lib/contract/index.js';
import { failure, make } from './backend.js';
import { CDEV_NODES, goodHost, GROUP_NODES } from '../../sysfs/tree.js';

const NAME = '0000:01:00.0';
const TRIGGER = 0x20;
const EVENTFD = 4;
const NONE = 1;

function open(t: ExecutionContext, nodes = GROUP_NODES, options: OpenOptions = {}) {
  const tree = goodHost(t, nodes);
  const { fake, backend } = make(tree);
  const device = backend.openSync(NAME, options);
  fake.calls.length = 0;
  return { tree, fake, backend, device };
}

test('an access to a region uses the region’s file offset, which the library queries only once', (t) => {
  const { fake, device } = open(t);
  fake.answers.pread = () => 3;
  fake.answers.load = () => 0x1234;
  t.is(device.read(7, 16, new Uint8Array(4)), 3);
  t.is(device.load(7, 0, 2), 0x1234);
  device.store(0, 0x10, 4, 0xffff_ffff);
  t.deepEqual(fake.calls, [
    'deviceGetRegionInfo 102 7',
    `pread 102 ${7 * 2 ** 40 + 16} 0,0,0,0`,
    `load 102 ${7 * 2 ** 40} 2`,
    'deviceGetRegionInfo 102 0',
    'store 102 16 4 4294967295',
  ]);
});

test('wrong arguments are refused before any system call', (t) => {
  const { fake, device } = open(t);
  const wrong: (() => unknown)[] = [
    () => device.load(0, -1, 4),
    () => device.load(0, 2 ** 40, 4),
    () => device.load(0, 0, 8 as 4),
    () => {
      device.store(0, 0, 1, 256);
    },
    () => {
      device.store(0, 0, 4, -1);
    },
    () => device.read(-1, 0, new Uint8Array(1)),
    () => device.read(0, 0.5, new Uint8Array(1)),
    () => device.getRegionInfo(-1),
    () => device.getIrqInfo(2 ** 32),
    () => device.feature(-1, new Uint8Array(0)),
    () => device.map(0, 100, PAGE_SIZE),
    () => device.map(0, 0, 0),
    () => device.map(0, 0, 2 ** 32 + PAGE_SIZE),
    () => {
      device.attachPasid(2 ** 20);
    },
    () => {
      device.detachPasid(-1);
    },
    () => device.createEventSet(0),
    () => {
      device.ioeventfd({ region: 0, offset: 0, width: 4, value: -1n, eventfd: null });
    },
    () => {
      device.setAffinity(2, 0, []);
    },
  ];
  for (const run of wrong) t.throws(run, { instanceOf: RangeError });
  t.deepEqual(fake.calls, []);
});

test('the error of a failed call contains the name of the device', (t) => {
  const { fake, device } = open(t);
  fake.fail('deviceGetRegionInfo', 'EINVAL');
  for (const run of [() => device.getRegionInfo(9), () => device.load(9, 0, 4)]) {
    t.like(failure(t, run), { code: 'EINVAL', path: NAME, syscall: 'deviceGetRegionInfo' });
  }
});

test('map() accepts whole pages, and accepts a partial page only at the end of the region', (t) => {
  const { fake, device } = open(t);
  fake.answers.deviceGetRegionInfo = () => ({
    flags: 7,
    size: BigInt(PAGE_SIZE + 0x20),
    offset: 0n,
    capabilities: [],
  });
  t.is(device.map(0, 0, PAGE_SIZE).size, PAGE_SIZE);
  t.is(device.map(0, PAGE_SIZE, 0x20).size, 0x20);
  t.is(device.map(0, 0, PAGE_SIZE + 0x20).size, PAGE_SIZE + 0x20);
  t.throws(() => device.map(0, 0, 0x30), {
    instanceOf: RangeError,
    message: /multiple of the page size/,
  });
  t.is(fake.calls.filter((call) => call.startsWith('mapRegion')).length, 3);
});

test('a window of whole pages ends at the end of the region', (t) => {
  const { fake, device } = open(t);
  const answer = { flags: 7, size: 0x80n, offset: 0n, capabilities: [] };
  fake.answers.deviceGetRegionInfo = () => answer;
  const window = device.map(0, 0, PAGE_SIZE);
  t.is(window.size, 0x80);
  t.is(window.read32(0x7c), 0);
  const outside = { instanceOf: RangeError, message: /exceed a window of 128 bytes/ };
  t.throws(() => window.read32(0x80), outside);
  t.throws(() => window.read8(0x200), outside);
  t.throws(() => {
    window.write32(0x80, 0);
  }, outside);
  // The kernel refuses pages after the last page of the region.
  fake.calls.length = 0;
  device.map(0, PAGE_SIZE, PAGE_SIZE);
  device.map(0, 0, 2 * PAGE_SIZE);
  t.deepEqual(fake.calls, [
    `mapRegion 102 ${PAGE_SIZE} ${PAGE_SIZE} true`,
    `mapRegion 102 0 ${2 * PAGE_SIZE} true`,
  ]);
});

test('a region without write access is mapped read-only', (t) => {
  const { fake, device } = open(t);
  fake.answers.deviceGetRegionInfo = () => ({
    flags: 5,
    size: BigInt(PAGE_SIZE),
    offset: 0n,
    capabilities: [],
  });
  const window = device.map(0, 0, PAGE_SIZE);
  t.is(fake.calls.at(-1), `mapRegion 102 0 ${PAGE_SIZE} false`);
  t.throws(
    () => {
      window.write32(0, 1);
    },
    { message: /read-only/ },
  );
});

test('setIrqs() sends the request unchanged, and returns a positive result of the ioctl', (t) => {
  const { fake, device } = open(t);
  fake.answers.deviceSetIrqs = () => 1;
  const eventfd = device.createEventfd();
  const set = { index: 1, flags: TRIGGER | EVENTFD, start: 0, count: 4 };
  t.is(device.setIrqs({ ...set, eventfds: [eventfd, null, -2, 9] }), 1);
  const data = Buffer.from('67000000fffffffffeffffff09000000', 'hex');
  t.is(fake.calls.at(-1), `deviceSetIrqs 102 36 36 1 0 4 ${String(Uint8Array.from(data))}`);
});

test('close disables the interrupts, unmaps the windows and closes all descriptors', (t) => {
  const { fake, device } = open(t);
  const eventfds = [device.createEventfd()];
  const window = device.map(0, 0, PAGE_SIZE);
  device.setIrqs({ index: 2, flags: TRIGGER | EVENTFD, start: 0, count: 1, eventfds });
  device.setIrqs({ index: 0, flags: TRIGGER | NONE, start: 0, count: 1 });
  fake.calls.length = 0;
  fake.fail('deviceSetIrqs', 'EIO');
  device.close();
  device.close();
  t.deepEqual(fake.drainCalls(), [
    'deviceSetIrqs',
    'unmapRegion',
    'close',
    'groupUnsetContainer',
    'close',
    'close',
  ]);
  t.throws(() => window.read32(0), { code: 'EBADF' });
  t.deepEqual([...fake.fds.values()], ['eventfd']);
  eventfds[0]?.close();
  t.is(fake.fds.size, 0);
});

test('after close, each method fails with EBADF and makes no system call', async (t) => {
  const { fake, device } = open(t);
  device.close();
  fake.calls.length = 0;
  const bytes = new Uint8Array(4);
  const uses: (() => unknown)[] = [
    () => device.getInfo(),
    () => device.getRegionInfo(0),
    () => device.getIrqInfo(0),
    () => device.setIrqs({ index: 0, flags: 0x21, start: 0, count: 0 }),
    () => device.feature(0, bytes),
    () => device.read(0, 0, bytes),
    () => device.write(0, 0, bytes),
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
    () => device.createAddressSpace(),
    () => {
      device.attachPasid(1);
    },
    () => {
      device.detachPasid(1);
    },
    () => device.createEventfd(),
    () => device.createEventSet(1),
    () => device.getAffinity(2, 0),
    () => {
      device.setAffinity(2, 0, [0]);
    },
  ];
  for (const use of uses) t.throws(use, { code: 'EBADF', message: /is closed/ });
  await t.throwsAsync(device.reset(), { code: 'EBADF' });
  t.deepEqual(fake.calls, []);
});

test('an unfinished reset keeps the device open', async (t) => {
  const { fake, device } = open(t);
  const reset = device.reset();
  device.close();
  t.true(fake.fds.has(102));
  await reset;
  t.deepEqual([...fake.fds], []);
});

test('a hot reset reports the affected devices and passes the fd of each group once', (t) => {
  const { fake, backend } = make(goodHost(t));
  const [one, other, third] = ['03:00.0', '03:00.1', '01:00.0'].map((name) =>
    backend.openSync(name, {}),
  ) as [DeviceConnection, DeviceConnection, DeviceConnection];
  t.deepEqual(one.getHotResetInfo(), {
    flags: 0,
    devices: [
      { id: 14, name: '0000:03:00.0' },
      { id: 14, name: '0000:03:00.1' },
    ],
  });
  one.hotReset([other, third]);
  t.is(fake.calls.at(-1), 'devicePciHotReset 102 101,105');
  t.throws(
    () => {
      one.hotReset([{} as DeviceConnection]);
    },
    { instanceOf: TypeError },
  );
});

test('a hot reset by cdev passes no group fds and refuses a device that was opened by group', (t) => {
  const { fake, backend } = make(goodHost(t, [...GROUP_NODES, ...CDEV_NODES]));
  const one = backend.openSync('03:00.0', {});
  const other = backend.openSync('03:00.1', {});
  one.hotReset([other]);
  t.is(fake.calls.at(-1), 'devicePciHotReset 102 ');
  const group = backend.openSync(NAME, { via: 'group' });
  t.throws(
    () => {
      one.hotReset([group]);
    },
    { instanceOf: TypeError, message: /via 'group', but .* via 'cdev'/ },
  );
});

test('an ioeventfd is bound with its offset in the device file and its width', (t) => {
  const { fake, device } = open(t);
  const eventfd = device.createEventfd();
  device.ioeventfd({ region: 2, offset: 8, width: 4, value: 7n, eventfd });
  t.is(fake.calls.at(-1), `deviceIoeventfd 102 4 ${2n * 2n ** 40n + 8n} 7 103`);
  device.ioeventfd({ region: 2, offset: 8, width: 4, value: 7n, eventfd: null });
  t.is(fake.calls.at(-1), `deviceIoeventfd 102 4 ${2n * 2n ** 40n + 8n} 7 -1`);
});

test('attaching a PASID to a device opened by group fails with ENOTSUP and a hint', (t) => {
  const { device } = open(t);
  const error = failure(t, () => {
    device.attachPasid(1);
  });
  t.like(error, { code: 'ENOTSUP', path: NAME, syscall: 'VFIO_DEVICE_ATTACH_IOMMUFD_PT' });
  t.regex(error.hint ?? '', /via: 'cdev'/);
});

test('feature() passes the flags to the kernel and fills the data', (t) => {
  const { fake, device } = open(t);
  fake.answers.deviceFeature = (_fd, _flags, data) => {
    data[0] = 9;
    return 0;
  };
  const data = new Uint8Array(2);
  t.is(device.feature(0x1_0000, data), 0);
  t.is(data[0], 9);
});

test('feature() writes the descriptor of an eventfd at the start of its data', (t) => {
  const { fake, device } = open(t);
  const sent: number[] = [];
  fake.answers.deviceFeature = (_fd, _flags, data) => {
    sent.push(...data);
    return 0;
  };
  const eventfd = device.createEventfd();
  device.feature(0x2_0004, new Uint8Array(8), eventfd);
  t.deepEqual(sent, [eventfd.fd, 0, 0, 0, 0, 0, 0, 0]);
  t.throws(() => device.feature(0x2_0004, new Uint8Array(2), eventfd), { instanceOf: RangeError });
});
