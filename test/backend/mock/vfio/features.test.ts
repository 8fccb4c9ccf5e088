import { closeSync } from 'node:fs';
import test from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import { bind, CONFIG, fails, open } from '../support.js';

const PAGE = BigInt(PAGE_SIZE);
const GET = 1 << 16;
const SET = 1 << 17;
const PROBE = 1 << 18;
const EMPTY = new Uint8Array(0);

/** Probes each feature three times: with GET, with SET, and without both flags. */
function answers(device: DeviceConnection, count = 15): unknown[][] {
  const answer = (flags: number) => {
    try {
      return device.feature(flags, EMPTY);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  return Array.from({ length: count }, (_, n) => [
    answer(PROBE | GET | n),
    answer(PROBE | SET | n),
    answer(PROBE | n),
  ]);
}

const NONE = ['ENOTTY', 'ENOTTY', 'ENOTTY'];
const SETTABLE = ['EINVAL', 0, 0];
const READABLE = [0, 'EINVAL', 0];
const REFUSED = ['EINVAL', 'EINVAL', 'EINVAL'];

for (const [name, eleven, twelve] of [
  ['mock:edu?kernel=6.1', NONE, NONE],
  ['mock:edu?kernel=6.12', NONE, NONE],
  ['mock:edu', READABLE, REFUSED],
  ['mock:edu?dmabuf=off', NONE, REFUSED],
  ['mock:edu?kernel=6.12&novirt=on', SETTABLE, NONE],
  ['mock:edu?novirt=on', SETTABLE, REFUSED],
  ['mock:nvme?kernel=6.12&novirt=on', NONE, NONE],
  ['mock:edu?kernel=6.1&dmabuf=on', NONE, NONE],
] as const) {
  test(`${name}: probes report the features of the kernel`, (t) => {
    const expected = Array.from({ length: 15 }, (_, n) =>
      [3, 4, 5].includes(n) ? SETTABLE : NONE,
    );
    expected[11] = [...eleven];
    expected[12] = [...twelve];
    t.deepEqual(answers(open(t, name)), expected);
  });
}

test('DMA_BUF: checks run in the kernel’s order, and a valid request returns an fd', (t) => {
  const device = open(t, 'mock:edu');
  const { size } = device.getRegionInfo(0);
  const request = (
    region: number,
    flags: number,
    ranges: readonly (readonly [bigint, bigint])[],
  ) => {
    const data = new Uint8Array(16 + ranges.length * 16);
    const view = new DataView(data.buffer);
    view.setUint32(0, region, true);
    view.setUint32(8, flags, true);
    view.setUint32(12, ranges.length, true);
    for (const [i, [offset, length]] of ranges.entries()) {
      view.setBigUint64(16 + 16 * i, offset, true);
      view.setBigUint64(24 + 16 * i, length, true);
    }
    return () => device.feature(GET | 11, data);
  };
  fails(t, 'EINVAL', () => device.feature(GET | 11, new Uint8Array(15)));
  fails(t, 'EINVAL', request(9, 0, []));
  fails(t, 'EINVAL', request(9, 1, [[0n, 0n]]));
  fails(t, 'ENODEV', request(6, 0, [[0n, 0n]]));
  fails(t, 'ENODEV', request(1, 0, [[0n, PAGE]]));
  fails(t, 'EINVAL', request(0, 0, [[0n, 0n]]));
  fails(t, 'EINVAL', request(0, 0, [[0n, PAGE + 1n]]));
  fails(t, 'EINVAL', request(0, 0, [[1n, PAGE]]));
  const end = 2n ** 64n - PAGE;
  fails(t, 'EOVERFLOW', request(0, 0, [[end, 2n * PAGE]]));
  // The sum of the lengths is checked first, then each range.
  fails(t, 'EINVAL', request(0, 0, [[end, end]]));
  fails(
    t,
    'EINVAL',
    request(0, 0, [
      [0n, 2n ** 62n],
      [end, 2n ** 62n],
    ]),
  );
  fails(
    t,
    'EINVAL',
    request(0, 0, [
      [size, PAGE],
      [end, PAGE],
    ]),
  );
  fails(
    t,
    'EOVERFLOW',
    request(0, 0, [
      [end, PAGE],
      [size, PAGE],
    ]),
  );
  fails(t, 'EINVAL', request(0, 0, [[size - PAGE, 2n * PAGE]]));
  const fd = request(0, 0, [[0n, size]])();
  t.true(fd > 2);
  closeSync(fd);
});

test('MSI_NOVIRT: the MSI registers show the message of the host and are read-only', (t) => {
  const device = open(t, 'mock:edu?kernel=6.12&novirt=on');
  const message = () => [0x44, 0x48, 0x4c].map((offset) => device.load(7, offset, 4));
  device.store(7, 0x44, 4, 0x12345678);
  device.store(7, 0x4c, 2, 0x9abc);
  t.deepEqual(message(), [0x12345678, 0, 0x9abc]);
  bind(device, 1, 0, [device.createEventfd()]);
  t.is(device.feature(SET | 11, EMPTY), 0);
  const [low = 0] = message();
  t.is(low >>> 20, 0xfee);
  device.store(7, 0x44, 4, 0);
  device.store(7, 0x4c, 2, 0xffff);
  t.is(device.load(7, 0x44, 4), low);
  t.is(device.load(7, 0x4c, 2), 0);
  t.is(device.feature(SET | 11, EMPTY), 0);
  t.is(device.load(7, 0x44, 4), low);
});

test('a feature request with wrong flags or data fails with EINVAL', (t) => {
  const device = open(t, 'mock:nvme');
  fails(t, 'EINVAL', () => device.feature(SET | (1 << 19) | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(GET | SET | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(GET | SET | PROBE | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(5, EMPTY));
  fails(t, 'ENOTTY', () => device.feature(SET, new Uint8Array(16)));
  t.throws(() => device.feature(-1, EMPTY), { instanceOf: RangeError });
  t.throws(() => device.feature(SET | 5, [] as never), { instanceOf: TypeError });
});

test('entering low power twice fails with EINVAL, but leaving without entering succeeds', (t) => {
  const device = open(t, 'mock:nvme');
  t.is(device.feature(SET | 5, EMPTY), 0);
  t.is(device.feature(SET | 3, EMPTY), 0);
  fails(t, 'EINVAL', () => device.feature(SET | 3, EMPTY));
  t.is(device.feature(SET | 5, EMPTY), 0);
  t.is(device.feature(SET | 3, EMPTY), 0);
});

test('in low power, an access through the device file wakes the device to D0', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x64, 2, 3);
  t.is(device.load(CONFIG, 0x64, 2), 0x000b);
  device.feature(SET | 3, EMPTY);
  t.is(device.load(CONFIG, 0x64, 2), 0x0008);
  t.is(device.load(0, 8, 4), 0x10400);
});

test('in low power with wake-up, an access ends low power and signals the wake-up eventfd', (t) => {
  const device = open(t, 'mock:nvme');
  const wakeup = device.createEventfd();
  const window = device.map(0, 0, 0x4000);
  const enter = () => device.feature(SET | 4, new Uint8Array(8), wakeup);
  enter();
  t.is(window.read32(8), 0xffff_ffff);
  t.is(wakeup.read(), 0n);
  device.load(CONFIG, 0, 4);
  t.is(wakeup.read(), 1n);
  t.is(window.read32(8), 0x10400);
  device.load(CONFIG, 0, 4);
  t.is(wakeup.read(), 0n);
  // The second call to enter low power also accesses the device, which ends the first low power.
  enter();
  enter();
  t.is(wakeup.read(), 1n);
  device.feature(SET | 5, EMPTY);
  t.is(wakeup.read(), 1n);
  device.feature(SET | 3, EMPTY);
  device.load(CONFIG, 0, 4);
  t.is(wakeup.read(), 0n);
});

test('for low power with wake-up, the mock accepts only an eventfd object', (t) => {
  const device = open(t, 'mock:nvme');
  const data = (fd: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setInt32(0, fd, true);
    return bytes;
  };
  fails(t, 'EINVAL', () => device.feature(SET | 4, EMPTY));
  fails(t, 'EINVAL', () => device.feature(SET | 4, data(-1)));
  fails(t, 'EINVAL', () => device.feature(SET | 4, data(0)));
  fails(t, 'EBADF', () => device.feature(SET | 4, data(1000)));
});
