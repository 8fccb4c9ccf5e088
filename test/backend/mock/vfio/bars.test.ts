import test, { type ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import type { DeviceConnection } from '../../../../lib/contract/index.js';
import type {
  BarShape,
  FunctionShape,
  Register,
} from '../../../../lib/backend/mock/hardware/model.js';
import { romImageSize } from '../../../../lib/backend/mock/vfio/rom.js';
import { CONFIG, connect, fails, plainModel } from '../support.js';

const MEMORY = { index: 0, size: PAGE_SIZE, bits: 32 } as const satisfies BarShape;
const PORTS = { index: 1, size: 0x100, kind: 'io', bits: 32 } as const satisfies BarShape;

function device(t: ExecutionContext, shape: Partial<FunctionShape>): DeviceConnection {
  return connect(t, plainModel([], undefined, shape));
}

/** A device with I/O ports. A read of the ports returns the bytes that were last written. */
function withPorts(t: ExecutionContext): DeviceConnection {
  const held = new Uint8Array(8);
  const registers: Register[] = Array.from(held, (_, i) => ({
    offset: i,
    width: 1,
    name: `port ${i}`,
    read: () => held[i] ?? 0,
    write: (value) => (held[i] = value),
  }));
  const model = plainModel([], undefined, { bars: [MEMORY, { ...PORTS, split: 1 }] });
  return connect(t, {
    ...model,
    create: () => ({ registers: { 1: registers }, reset: () => undefined }),
  });
}

/** An expansion ROM with one image of 512 bytes. */
function romImage(length = 1): Uint8Array {
  const bytes = new Uint8Array(1024).fill(0x11);
  bytes.set([0x55, 0xaa], 0);
  bytes.set([0x1c, 0x00], 0x18);
  bytes.set(Buffer.from('PCIR'), 0x1c);
  bytes.set([length, 0], 0x1c + 16);
  bytes[0x1c + 21] = 0x80;
  return bytes;
}

test('I/O ports can be read and written but not mapped', (t) => {
  const connection = withPorts(t);
  const info = { index: 1, flags: 3, size: 0x100n, capabilities: [] };
  t.deepEqual(connection.getRegionInfo(1), info);
  fails(t, 'EINVAL', () => connection.map(1, 0, 0x100));
  t.is(connection.write(1, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7)), 7);
  t.is(connection.load(1, 0, 4), 0x04030201);
  t.is(connection.load(1, 4, 4), 0x00070605);
});

test('I/O ports need no memory decode; if I/O decode is off, ports read as ones', (t) => {
  const connection = withPorts(t);
  connection.store(1, 0, 1, 0x5a);
  connection.store(CONFIG, 4, 2, 1);
  t.is(connection.load(1, 0, 1), 0x5a);
  fails(t, 'EIO', () => connection.load(0, 0, 4));
  connection.store(CONFIG, 4, 2, 2);
  t.is(connection.load(1, 0, 4), 0xffff_ffff);
  connection.store(1, 0, 1, 0);
  connection.store(CONFIG, 4, 2, 3);
  t.is(connection.load(1, 0, 1), 0x5a);
});

test('writing ones to a BAR or to the ROM BAR shows the size', (t) => {
  const connection = device(t, {
    bars: [
      { ...PORTS, index: 0 },
      { index: 2, size: 2 ** 33, bits: 64, prefetchable: true },
      { index: 4, size: 0x100, bits: 64 },
    ],
    rom: { size: 0x800, image: romImage() },
  });
  const bars = () => Array.from({ length: 6 }, (_, i) => connection.load(CONFIG, 0x10 + 4 * i, 4));
  const before = bars();
  t.is((before[0] ?? 0) & 3, 1);
  t.is((before[2] ?? 0) & 0xf, 0xc);
  t.true((before[3] ?? 0) > 0);
  t.is((before[4] ?? 0) & 0xf, 4);
  for (let i = 0; i < 6; i++) connection.store(CONFIG, 0x10 + 4 * i, 4, 0xffff_ffff);
  t.deepEqual(bars(), [0xffff_ff01, 0, 0x0000_000c, 0xffff_fffe, 0xffff_ff04, 0xffff_ffff]);
  connection.store(CONFIG, 0x30, 4, 0xffff_ffff);
  t.is(connection.load(CONFIG, 0x30, 4), 0xffff_f801);
  connection.store(CONFIG, 0x30, 4, 0xffff_fffe);
  t.is(connection.load(CONFIG, 0x30, 4), 0xffff_f800);
});

test('the ROM region has the size of its BAR and is read-only', (t) => {
  const connection = device(t, { rom: { size: 0x800, image: romImage() } });
  const info = { index: 6, flags: 1, size: 0x800n, capabilities: [] };
  t.deepEqual(connection.getRegionInfo(6), info);
  t.is(connection.load(6, 0, 2), 0xaa55);
  fails(t, 'EINVAL', () => connection.write(6, 0, new Uint8Array(4)));
  fails(t, 'EINVAL', () => connection.map(6, 0, PAGE_SIZE));
});

test('bytes after the ROM image read as ones; a read past the BAR fails with EINVAL', (t) => {
  const connection = device(t, { rom: { size: 0x800, image: romImage() } });
  const into = new Uint8Array(8);
  t.is(connection.read(6, 0x1fc, into), 8);
  t.deepEqual([...into], [0x11, 0x11, 0x11, 0x11, 0xff, 0xff, 0xff, 0xff]);
  t.is(connection.read(6, 0x7fc, into), 4);
  fails(t, 'EINVAL', () => connection.read(6, 0x800, into));
  connection.store(CONFIG, 4, 2, 0);
  fails(t, 'EIO', () => connection.read(6, 0, into));
  t.is(connection.read(6, 0x400, into), 8);
});

test('the region of a ROM without an image has size 0', (t) => {
  const connection = device(t, { rom: { size: 0x800, image: new Uint8Array(16) } });
  t.deepEqual(connection.getRegionInfo(6), { index: 6, flags: 0, size: 0n, capabilities: [] });
  fails(t, 'ENOMEM', () => connection.read(6, 0, new Uint8Array(4)));
});

test('the length of a ROM is the end of its last image', (t) => {
  const two = new Uint8Array(1024);
  const first = romImage();
  first[0x1c + 21] = 0;
  two.set(first.subarray(0, 512));
  two.set(romImage().subarray(0, 512), 512);
  t.is(romImageSize(two, 4096), 1024);
  t.is(romImageSize(romImage(), 4096), 512);
  t.is(romImageSize(romImage(100), 4096), 4096);
  t.is(romImageSize(romImage(0), 4096), 0);
  t.is(romImageSize(first, 4096), 512);
  t.is(romImageSize(new Uint8Array(0), 4096), 0);
  const damaged = romImage();
  damaged[0x1c] = 0;
  t.is(romImageSize(damaged, 4096), 0);
});

test('only a VGA device has region 8', (t) => {
  const connection = device(t, {});
  fails(t, 'EINVAL', () => connection.getRegionInfo(8));
  fails(t, 'EINVAL', () => connection.read(8, 0xa0000, new Uint8Array(4)));
  fails(t, 'EINVAL', () => connection.write(8, 0xa0000, new Uint8Array(4)));
});

test('a virtual function always decodes memory and has no interrupt pin', (t) => {
  const connection = device(t, { virtual: true });
  t.is(connection.load(CONFIG, 0x3d, 1), 0);
  t.is(connection.getIrqInfo(0).count, 0);
  connection.store(CONFIG, 4, 2, 0);
  t.is(connection.load(CONFIG, 4, 2) & 2, 0);
  t.is(connection.load(0, 4, 4), 0);
  t.is(connection.map(0, 0, PAGE_SIZE).read32(0x40), 0);
});

test('if the device has no reset method, RESET gives EINVAL and a hot reset gives ENODEV', (t) => {
  const connection = device(t, { resets: false });
  t.is(connection.getInfo().flags, 2);
  fails(t, 'EINVAL', () => {
    connection.resetSync();
  });
  fails(t, 'ENODEV', () => connection.getHotResetInfo());
  fails(t, 'ENODEV', () => {
    connection.hotReset([]);
  });
});

test('in low power, mapped registers read as ones, but the device file can still be accessed', (t) => {
  const connection = device(t, { bars: [MEMORY] });
  const SET = 1 << 17;
  const window = connection.map(0, 0, PAGE_SIZE);
  t.is(window.read32(0x40), 0);
  connection.feature(SET | 3, new Uint8Array(0));
  t.is(window.read32(0x40), 0xffff_ffff);
  t.is(window.read64(0x40), 0xffff_ffff_ffff_ffffn);
  t.is(connection.load(0, 0x40, 4), 0);
  t.is(connection.load(CONFIG, 0, 2), 0x1234);
  connection.feature(SET | 5, new Uint8Array(0));
  t.is(window.read32(0x40), 0);
});

test('a mapping works again after memory decode is enabled again', (t) => {
  const connection = device(t, { bars: [MEMORY] });
  const window = connection.map(0, 0, PAGE_SIZE);
  connection.store(CONFIG, 4, 2, 0);
  t.is(window.read16(0x40), 0xffff);
  connection.store(CONFIG, 4, 2, 2);
  t.is(window.read16(0x40), 0);
  connection.resetSync();
  t.is(window.read8(0x40), 0);
});

test('if a BAR is smaller than a page, a window of the BAR ends where the BAR ends', (t) => {
  const connection = device(t, { bars: [{ ...MEMORY, size: 0x80 }] });
  const window = connection.map(0, 0, PAGE_SIZE);
  t.is(window.size, 0x80);
  t.is(window.read32(0x7c), 0);
  const outside = { instanceOf: RangeError, message: /exceed a window of 128 bytes/ };
  t.throws(() => window.read32(0x80), outside);
  t.throws(() => window.read8(0x200), outside);
  t.throws(() => {
    window.write32(0x80, 0);
  }, outside);
  fails(t, 'EINVAL', () => connection.map(0, PAGE_SIZE, PAGE_SIZE));
  fails(t, 'EINVAL', () => connection.map(0, 0, 2 * PAGE_SIZE));
});

test('a memory block stores writes of any width', (t) => {
  const model = plainModel([], undefined, { bars: [{ ...MEMORY, size: 2 ** 24 }] });
  const block = {
    offset: 0x100000,
    name: 'buffer',
    size: 0x10000,
    contents: Uint8Array.of(1, 2, 3, 4),
  };
  const connection = connect(t, {
    ...model,
    create: () => ({ registers: { 0: [block] }, reset: () => undefined }),
  });
  t.is(connection.load(0, 0x100000, 4), 0x04030201);
  const bytes = Uint8Array.from({ length: 0x3001 }, (_, i) => i * 7);
  t.is(connection.write(0, 0x100ffd, bytes), bytes.length);
  const read = new Uint8Array(bytes.length);
  connection.read(0, 0x100ffd, read);
  t.deepEqual(read, bytes);
  const window = connection.map(0, 0, 2 ** 24);
  window.write64(0x10fff8, 0x1122_3344_5566_7788n);
  t.is(window.read64(0x10fff8), 0x1122_3344_5566_7788n);
  t.is(window.read32(0x110000), 0);
  t.deepEqual([...block.contents], [1, 2, 3, 4]);
});
