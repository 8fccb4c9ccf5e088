import { constants } from 'node:buffer';
import test from 'ava';
import { setImmediate } from 'node:timers/promises';
import { Handle } from '../../lib/device/handle.js';
import { Windows } from '../../lib/device/windows.js';
import type { RegisterWindow } from '../../lib/contract/index.js';
import type { VfioError } from '../../lib/errors.js';
import { FakeConnection, openFake } from './fake.js';

const RW = 3;
const RWM = 7;
const GIB = 1n << 30n;

const open = () =>
  openFake(({ regions }) => {
    regions[0] = { size: 0x4000n, flags: RWM, capabilities: [{ id: 3, version: 1 }] };
    regions[1] = { size: 0x100n, flags: RWM };
    regions[2] = { size: 8n * GIB, flags: RWM };
    regions[3] = {
      size: 0x8000n,
      flags: RWM,
      capabilities: [
        {
          id: 1,
          version: 1,
          areas: [
            { offset: 0n, size: 0x2000n },
            { offset: 0x4000n, size: 0x4000n },
          ],
        },
      ],
    };
    regions[6] = { size: 0x800n, flags: 1 };
    regions[9] = {
      size: 16n,
      flags: RW,
      capabilities: [{ id: 2, version: 1, type: 5, subtype: 6 }],
    };
  });

test('device.regions omits regions of size 0, and reads the info of each region only once', (t) => {
  const { device, script } = open();
  t.deepEqual(
    device.regions.map(({ index }) => index),
    [0, 1, 2, 3, 6, 7, 9],
  );
  t.is(device.region(0), device.bar(0));
  script.take();
  t.is(device.bar(0).size, 0x4000n);
  t.deepEqual(script.take(), []);
});

test('region() and bar() refuse a number that is out of range', (t) => {
  const { device, script } = open();
  t.is(device.bar(4).size, 0n);
  t.throws(() => device.region(8), { code: 'EINVAL' });
  script.take();
  t.throws(() => device.bar(6), { instanceOf: RangeError });
  t.throws(() => device.bar(-1), { instanceOf: RangeError });
  t.throws(() => device.bar(0.5), { instanceOf: RangeError });
  t.throws(() => device.region(10), { instanceOf: RangeError });
  t.deepEqual(script.take(), []);
});

test('a region decodes its flags and capabilities', (t) => {
  const { device } = open();
  t.like(device.bar(0), {
    readable: true,
    writable: true,
    mappable: true,
    msixMappable: true,
    sparseAreas: null,
    type: null,
  });
  t.like(device.region(6), { readable: true, writable: false, mappable: false });
  t.is(device.bar(3).sparseAreas?.length, 2);
  t.deepEqual(device.region(9).type, { type: 5, subtype: 6 });
});

test('map() maps the whole region or whole pages of the region', (t) => {
  const { device, script } = open();
  const bar = device.bar(0);
  const small = device.bar(1);
  script.take();
  t.is(bar.map().size, 0x4000);
  bar.map({ offset: 0x1000 });
  bar.map({ offset: 0x1000, length: 0x2000 });
  small.map();
  t.deepEqual(script.take(), [
    'mmap 0 0x0 0x4000',
    'mmap 0 0x1000 0x3000',
    'mmap 0 0x1000 0x2000',
    'mmap 1 0x0 0x1000',
  ]);
});

test('map() refuses a wrong offset or length before any call to the back end', (t) => {
  const { device, script } = open();
  const bar = device.bar(0);
  script.take();
  for (const window of [
    { offset: 1 },
    { offset: 0x4000 },
    { offset: 0x5000 },
    { offset: -0x1000 },
    { length: 0 },
    { length: 0x800 },
    { length: 0x1800 },
    { length: 0x5000 },
    { offset: 0x3000, length: 0x2000 },
  ]) {
    t.throws(() => bar.map(window), { instanceOf: RangeError }, JSON.stringify(window));
  }
  t.throws(() => bar.map({ offset: 0.5 }), { instanceOf: RangeError });
  t.throws(() => bar.map({ length: '1' as never }), { instanceOf: TypeError });
  t.deepEqual(script.take(), []);
});

test('map() of a region above 4 GiB needs an offset or a length', (t) => {
  const { device, script } = open();
  const bar = device.bar(2);
  script.take();
  t.throws(() => bar.map(), {
    instanceOf: RangeError,
    message: /0x200000000 bytes, but a window has at most 4 GiB.*offset and length/,
  });
  t.throws(() => bar.map({ length: 2 ** 32 + 4096 }), { instanceOf: RangeError });
  t.deepEqual(script.take(), []);
  bar.map({ offset: 6 * 2 ** 30, length: 2 ** 31 });
  bar.map({ offset: 2 ** 32 });
  t.deepEqual(script.take(), ['mmap 2 0x180000000 0x80000000', 'mmap 2 0x100000000 0x100000000']);
});

test('read() of more than the largest buffer of Node is refused', (t) => {
  const { device, script } = open();
  const bar = device.bar(2);
  script.take();
  const length = Math.min(constants.MAX_LENGTH + 1, Number.MAX_SAFE_INTEGER);
  const refused =
    length > bar.size ? /are not within/ : /exceeds 4294967296 bytes.*several buffers/;
  t.throws(() => bar.read(0, length), { instanceOf: RangeError, message: refused });
  t.deepEqual(script.take(), []);
});

test('map() accepts only a window inside one sparse area', (t) => {
  const { device, script } = open();
  const bar = device.bar(3);
  script.take();
  for (const window of [{}, { offset: 0x2000, length: 0x1000 }, { length: 0x3000 }]) {
    t.throws(() => bar.map(window), { instanceOf: RangeError, message: /0x0\+0x2000, 0x4000\+/ });
  }
  t.deepEqual(script.take(), []);
  bar.map({ offset: 0x5000, length: 0x1000 });
  bar.map({ offset: 0x4000 });
  t.is(script.take().length, 2);
});

test('map() gives EINVAL if the region is missing or cannot be mapped', (t) => {
  const { device, script } = open();
  const rom = device.region(6);
  const absent = device.bar(4);
  script.take();
  t.like(
    t.throws(() => rom.map()),
    { code: 'EINVAL', syscall: 'mmap', path: 'fake:device region 6' },
  );
  t.deepEqual(script.take(), []);
  const missing = t.throws<VfioError>(() => absent.map(), {
    code: 'EINVAL',
    message: /no such region/,
  });
  t.regex(missing.hint ?? '', /^The device has bar0/);
  t.true(script.take().every((call) => call.startsWith('getRegionInfo')));
});

test('read(), write(), load() and store() each call the back end once', (t) => {
  const { device, script } = open();
  const bar = device.bar(0);
  script.take();
  t.is(bar.read(8, 16).length, 6);
  t.is(bar.write(4, Uint8Array.of(1, 2)), 2);
  bar.load(2, 2);
  bar.store(8, 4, 0xffff_ffff);
  t.deepEqual(script.take(), [
    'read 0 8 16',
    'write 0 4 [1,2]',
    'load 0 2 2',
    'store 0 8 4 0xffffffff',
  ]);
});

test('read(), write(), load() and store() refuse wrong arguments before any call to the back end', (t) => {
  const { device, script } = open();
  const bar = device.bar(0);
  script.take();
  t.throws(() => bar.read(0x3fff, 2), { instanceOf: RangeError });
  t.throws(() => bar.read(0, -1), { instanceOf: RangeError });
  t.throws(() => bar.write(0x4000, Uint8Array.of(1)), { instanceOf: RangeError });
  t.throws(() => bar.write(0, 'x' as never), { instanceOf: TypeError });
  t.throws(() => bar.load(1, 2), { instanceOf: RangeError });
  t.throws(() => bar.load(0, 8 as never), { instanceOf: TypeError });
  t.throws(
    () => {
      bar.store(0, 1, 256);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      bar.store(0x4000, 1, 0);
    },
    { instanceOf: RangeError },
  );
  t.deepEqual(script.take(), []);
});

test('ioeventfd() binds and removes an eventfd, and refuses wrong arguments', (t) => {
  const { device, script } = open();
  const bar = device.bar(0);
  const eventfd = device.createEventfd();
  script.take();
  bar.ioeventfd({ offset: 8, width: 4, value: 0xffff_ffffn, eventfd });
  bar.ioeventfd({ offset: 8, width: 8, value: 1n, eventfd: null });
  t.deepEqual(script.take(), ['ioeventfd 0 8 4 4294967295 0', 'ioeventfd 0 8 8 1 null']);
  const wrong = [
    { offset: 4, width: 8, value: 0n },
    { offset: 0x4000, width: 1, value: 0n },
    { offset: 0, width: 1, value: 256n },
    { offset: 0, width: 1, value: -1n },
  ] as const;
  for (const request of wrong) {
    t.throws(
      () => {
        bar.ioeventfd({ ...request, eventfd });
      },
      { instanceOf: RangeError },
    );
  }
  t.throws(
    () => {
      bar.ioeventfd({ offset: 0, width: 3 as never, value: 0n, eventfd });
    },
    { instanceOf: TypeError },
  );
  t.throws(
    () => {
      bar.ioeventfd({ offset: 0, width: 1, value: 0 as never, eventfd });
    },
    { instanceOf: TypeError },
  );
  t.throws(
    () => {
      bar.ioeventfd({ offset: 0, width: 1, value: 0n, eventfd: undefined as never });
    },
    { instanceOf: TypeError },
  );
  t.deepEqual(script.take(), []);
});

test('closing the device closes every window that still exists', async (t) => {
  const handle = new Handle(new FakeConnection());
  const windows = new Windows(handle);
  const closed: number[] = [];
  const open = (n: number) =>
    windows.open(() => ({ close: () => closed.push(n) }) as unknown as RegisterWindow);
  const kept = open(0);
  (() => open(1))();
  // A WeakRef keeps its target until the current turn of the event loop ends.
  await setImmediate();
  globalThis.gc?.();
  open(2);
  handle.close();
  t.truthy(kept);
  t.true(closed.includes(0) && closed.includes(2));
  if (globalThis.gc !== undefined) t.deepEqual(closed, [0, 2]);
});
