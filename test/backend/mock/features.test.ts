import test from 'ava';
import { CONFIG, fails, open } from './support.js';

const GET = 1 << 16;
const SET = 1 << 17;
const PROBE = 1 << 18;
const EMPTY = new Uint8Array(0);

test('the answers to probes, by direction', (t) => {
  const device = open(t, 'mock:nvme');
  const answer = (flags: number) => {
    try {
      return device.feature(flags, EMPTY);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const table = Array.from({ length: 15 }, (_, n) => [
    answer(PROBE | GET | n),
    answer(PROBE | SET | n),
    answer(PROBE | n),
  ]);
  const none = ['ENOTTY', 'ENOTTY', 'ENOTTY'];
  const settable = ['EINVAL', 0, 0];
  const expected = Array.from({ length: 15 }, (_, n) => ([3, 4, 5].includes(n) ? settable : none));
  expected[12] = ['EINVAL', 'EINVAL', 'EINVAL'];
  t.deepEqual(table, expected);
});

test('the words that are wrong', (t) => {
  const device = open(t, 'mock:nvme');
  fails(t, 'EINVAL', () => device.feature(SET | (1 << 19) | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(GET | SET | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(GET | SET | PROBE | 5, EMPTY));
  fails(t, 'EINVAL', () => device.feature(5, EMPTY));
  fails(t, 'ENOTTY', () => device.feature(SET, new Uint8Array(16)));
  t.throws(() => device.feature(-1, EMPTY), { instanceOf: RangeError });
  t.throws(() => device.feature(SET | 5, [] as never), { instanceOf: TypeError });
});

test('low power: entered once, left as often as one likes', (t) => {
  const device = open(t, 'mock:nvme');
  t.is(device.feature(SET | 5, EMPTY), 0);
  t.is(device.feature(SET | 3, EMPTY), 0);
  fails(t, 'EINVAL', () => device.feature(SET | 3, EMPTY));
  t.is(device.feature(SET | 5, EMPTY), 0);
  t.is(device.feature(SET | 3, EMPTY), 0);
});

test('low power: every use of the device finds it in D0', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x64, 2, 3);
  t.is(device.load(CONFIG, 0x64, 2), 0x000b);
  device.feature(SET | 3, EMPTY);
  t.is(device.load(CONFIG, 0x64, 2), 0x0008);
  t.is(device.load(0, 8, 4), 0x10400);
});

test('low power with wake-up takes an eventfd by number, which the mock has none of', (t) => {
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
