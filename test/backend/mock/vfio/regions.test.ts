import test from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { CONFIG, fails, open } from '../support.js';

const TABLE = 0x2000;
const TABLE_END = TABLE + 65 * 16;

function memoryOff(device: ReturnType<typeof open>): void {
  device.store(CONFIG, 4, 2, 0);
}

test('GET_REGION_INFO returns the regions of nvme', (t) => {
  const device = open(t, 'mock:nvme');
  t.deepEqual(device.getRegionInfo(0), {
    index: 0,
    flags: 0xf,
    size: 0x4000n,
    capabilities: [{ id: 3, version: 1 }],
  });
  for (const index of [1, 2, 3, 4, 5, 6]) {
    t.deepEqual(device.getRegionInfo(index), { index, flags: 0, size: 0n, capabilities: [] });
  }
  t.deepEqual(device.getRegionInfo(7), { index: 7, flags: 3, size: 4096n, capabilities: [] });
  for (const index of [8, 9, 0xffffffff]) fails(t, 'EINVAL', () => device.getRegionInfo(index));
});

test('GET_REGION_INFO returns the regions of edu', (t) => {
  const device = open(t, 'mock:edu');
  const info = { index: 0, flags: 7, size: 0x100000n, capabilities: [] };
  t.deepEqual(device.getRegionInfo(0), info);
});

test('a read across the end of a BAR is short; a read at the end fails with EINVAL', (t) => {
  const device = open(t, 'mock:nvme');
  const into = new Uint8Array(16);
  t.is(device.read(0, 0x3ffc, into), 4);
  t.is(device.write(0, 0x3ffc, into), 4);
  fails(t, 'EINVAL', () => device.read(0, 0x4000, into));
  fails(t, 'EINVAL', () => device.write(0, 0x4000, into));
  fails(t, 'EIO', () => device.load(0, 0x3ffe, 4));
  for (const index of [1, 6, 8]) fails(t, 'EINVAL', () => device.read(index, 0, into));
  t.is(device.read(0, 0x4000, new Uint8Array(0)), 0);
});

test('the MSI-X table reads as ones and drops writes; the rest of its page can be accessed', (t) => {
  const device = open(t, 'mock:nvme');
  const into = new Uint8Array(32);
  t.is(device.read(0, TABLE - 16, into), 32);
  t.true(into.subarray(0, 16).every((byte) => byte === 0));
  t.true(into.subarray(16).every((byte) => byte === 0xff));
  t.is(device.read(0, TABLE_END - 2, into), 32);
  t.deepEqual([...into.subarray(0, 4)], [0xff, 0xff, 0, 0]);
  t.is(device.write(0, TABLE, new Uint8Array(16)), 16);
  const window = device.map(0, 0, 0x4000);
  t.is(window.read32(TABLE + 12), 1);
  t.is(device.load(0, 0x3000, 4), 0);
});

test('with memory decode disabled, a BAR access fails with EIO, except in the MSI-X table', (t) => {
  const device = open(t, 'mock:nvme');
  memoryOff(device);
  fails(t, 'EIO', () => device.read(0, 0, new Uint8Array(8)));
  fails(t, 'EIO', () => device.write(0, 0, new Uint8Array(8)));
  fails(t, 'EIO', () => device.read(0, TABLE_END - 4, new Uint8Array(8)));
  t.is(device.read(0, TABLE, new Uint8Array(16)), 16);
  device.store(CONFIG, 4, 1, 2);
  t.is(device.load(0, 8, 4), 0x10400);
});

test('reads of any offset and length return the same bytes', (t) => {
  const device = open(t, 'mock:nvme');
  const whole = new Uint8Array(32);
  device.read(0, 0, whole);
  t.is(Buffer.from(whole.subarray(0, 12)).toString('hex'), 'ff07010f2018400000040100');
  for (let offset = 0; offset < 16; offset++) {
    for (const length of [1, 2, 3, 5, 9, 16]) {
      const part = new Uint8Array(length);
      t.is(device.read(0, offset, part), length);
      t.deepEqual(part, whole.slice(offset, offset + length));
    }
  }
});

test('a block write is a sequence of the widest aligned accesses', (t) => {
  const device = open(t, 'mock:nvme');
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
  t.is(device.write(0, 0x24, bytes), 20);
  const into = new Uint8Array(20);
  device.read(0, 0x24, into);
  t.deepEqual(into, bytes);
});

test('load() and store() throw for a wrong width, offset or value', (t) => {
  const device = open(t, 'mock:nvme');
  t.is(device.load(0, 1, 1), 0x07);
  t.is(device.load(0, 1, 2), 0x0107);
  t.throws(() => device.load(0, 0, 8 as never), { instanceOf: RangeError });
  t.throws(
    () => {
      device.store(0, 0, 1, 256);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      device.store(0, 0, 4, -1);
    },
    { instanceOf: RangeError },
  );
  t.throws(() => device.load(0, -1, 4), { instanceOf: RangeError });
  t.throws(() => device.load(0, 2 ** 40, 4), { instanceOf: RangeError });
  t.throws(() => device.read(0, 0, [] as never), { instanceOf: TypeError });
});

test('only memory BARs can be mapped, up to the end of the last page', (t) => {
  const device = open(t, 'mock:edu');
  const size = Number(device.getRegionInfo(0).size);
  t.is(device.map(0, PAGE_SIZE, 2 * PAGE_SIZE).size, 2 * PAGE_SIZE);
  fails(t, 'EINVAL', () => device.map(0, PAGE_SIZE, size));
  fails(t, 'EINVAL', () => device.map(1, 0, PAGE_SIZE));
  fails(t, 'EINVAL', () => device.map(CONFIG, 0, PAGE_SIZE));
  fails(t, 'EINVAL', () => device.map(9, 0, PAGE_SIZE));
  t.throws(() => device.map(0, 0x10, PAGE_SIZE), { instanceOf: RangeError });
  t.throws(() => device.map(0, 0, 0x10), { instanceOf: RangeError });
  t.throws(() => device.map(0, 0, 0), { instanceOf: RangeError });
});
