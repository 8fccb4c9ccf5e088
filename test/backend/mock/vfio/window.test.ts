import test from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { CONFIG, connect, open, plainModel } from '../support.js';

test('each access reaches the register with the width of the access', (t) => {
  const window = open(t, 'mock:nvme').map(0, 0, 0x4000);
  t.is(window.size, 0x4000);
  t.is(window.read8(3), 0x0f);
  t.is(window.read16(4), 0x1820);
  t.is(window.read32(8), 0x10400);
  t.is(window.read64(0), 0x004018200f0107ffn);
  window.write64(0x28, 0x1122334455667000n);
  t.is(window.read32(0x2c), 0x11223344);
  t.is(window.read64(0x28), 0x1122334455667000n);
  window.write32(0x24, -1);
  t.is(window.read32(0x24), 0xffffffff);
  window.write64(0x30, -1n);
  t.is(window.read64(0x30), 0xffffffffffffffffn);
});

test('offset 0 of a window is the start of the window in the BAR', (t) => {
  const far = { offset: PAGE_SIZE + 12, width: 4, name: 'far', read: () => 7 } as const;
  const shape = { bars: [{ index: 0, size: 2 * PAGE_SIZE, bits: 32 }] } as const;
  const window = connect(
    t,
    plainModel([], () => [far], shape),
  ).map(0, PAGE_SIZE, PAGE_SIZE);
  t.is(window.read32(12), 7);
  t.throws(() => window.read32(PAGE_SIZE), { instanceOf: RangeError });
});

test('a block access is a sequence of single accesses of the given width', (t) => {
  const window = open(t, 'mock:nvme').map(0, 0, 0x4000);
  for (const width of [1, 2, 4, 8] as const) {
    const into = new Uint8Array(16);
    window.readBlock(0, into, width);
    t.is(Buffer.from(into).toString('hex'), 'ff07010f201840000004010000000000');
  }
  for (const width of [4, 8] as const) {
    const from = Uint8Array.from({ length: 16 }, (_, i) => i * width);
    window.writeBlock(0x28, from, width);
    const into = new Uint8Array(16);
    window.readBlock(0x28, into, width);
    t.deepEqual(into, from);
  }
});

test('edu responds to dword accesses, and from offset 0x80 on also to quadword accesses', (t) => {
  const window = open(t, 'mock:edu').map(0, 0, 0x100000);
  t.is(window.read32(0), 0x010000ed);
  t.is(window.read8(0), 0);
  t.is(window.read16(0), 0);
  t.is(window.read64(0), 0xffffffffffffffffn);
  t.is(window.read32(0x10), 0xffffffff);
  t.is(window.read32(0x40000), 0xffffffff);
  t.is(window.read32(0x84), 0xffffffff);
  t.is(window.read64(0x80), 0n);
  window.write64(0x80, 0x1_0000_0002n);
  t.is(window.read64(0x80), 0x1_0000_0002n);
  t.is(window.read32(0x80), 2);
  window.write32(0x80, 7);
  t.is(window.read64(0x80), 7n);
  window.write16(0x04, 1);
  window.write64(0x00, 0x1_0000_0000n);
  t.is(window.read32(0x04), 0);
});

test('an access that is misaligned or outside of the window throws a RangeError', (t) => {
  const window = open(t, 'mock:nvme').map(0, 0, 0x4000);
  const reads = [
    () => window.read8(0x4000),
    () => window.read8(-1),
    () => window.read8(0.5),
    () => window.read16(1),
    () => window.read32(0x3ffe),
    () => window.read64(4),
    () => window.read32(NaN),
    () => {
      window.readBlock(0x3ff8, new Uint8Array(16), 4);
    },
    () => {
      window.readBlock(2, new Uint8Array(4), 4);
    },
    () => {
      window.readBlock(0, new Uint8Array(6), 4);
    },
    () => {
      window.readBlock(0, new Uint8Array(6), 3 as never);
    },
    () => {
      window.writeBlock(0x4000, new Uint8Array(1), 1);
    },
    () => {
      window.write32(0x4000, 0);
    },
    () => {
      window.write32(0x24, 2 ** 32);
    },
    () => {
      window.write32(0x24, 1.5);
    },
    () => {
      window.write8(0x24, 256);
    },
    () => {
      window.write64(0x28, 2n ** 64n);
    },
  ];
  for (const access of reads) t.throws(access, { instanceOf: RangeError });
  t.throws(
    () => {
      window.readBlock(0, [] as never, 4);
    },
    { instanceOf: TypeError },
  );
  t.is(window.read32(0x24), 0);
});

test('while memory decode is disabled, registers read as ones and drop writes', (t) => {
  const device = open(t, 'mock:nvme');
  const window = device.map(0, 0, 0x4000);
  device.store(CONFIG, 4, 2, 0);
  t.is(window.read8(0), 0xff);
  t.is(window.read16(0), 0xffff);
  t.is(window.read32(0), 0xffffffff);
  t.is(window.read64(0), 0xffffffffffffffffn);
  window.write32(0x24, 5);
  window.write64(0x28, 5n);
  device.store(CONFIG, 4, 2, 2);
  t.is(window.read32(0x24), 0);
  t.is(window.read64(0x28), 0n);
  t.is(window.read32(8), 0x10400);
});

test('registers read as ones in D3hot and in low power', (t) => {
  const device = open(t, 'mock:nvme');
  const window = device.map(0, 0, 0x4000);
  device.store(CONFIG, 0x64, 2, 3);
  t.is(window.read32(8), 0xffffffff);
  device.store(CONFIG, 0x64, 2, 0);
  t.is(window.read32(8), 0x10400);
  device.feature((1 << 17) | 3, new Uint8Array(0));
  t.is(window.read32(8), 0xffffffff);
  t.is(device.load(0, 8, 4), 0x10400);
  device.feature((1 << 17) | 5, new Uint8Array(0));
  t.is(window.read32(8), 0x10400);
});

test('after the window or the device is closed, an access fails with EBADF', (t) => {
  const device = open(t, 'mock:nvme');
  const [one, two] = [device.map(0, 0, 0x4000), device.map(0, 0, 0x4000)];
  one.close();
  one.close();
  t.throws(() => one.read32(0), { code: 'EBADF' });
  t.is(two.read32(8), 0x10400);
  device.close();
  const calls = [
    () => two.read8(0),
    () => two.read64(0),
    () => {
      two.write32(0, 0);
    },
    () => {
      two.write64(0, 0n);
    },
    () => {
      two.readBlock(0, new Uint8Array(4), 4);
    },
    () => {
      two.writeBlock(0, new Uint8Array(4), 4);
    },
  ];
  for (const call of calls) t.throws(call, { code: 'EBADF' });
  t.notThrows(() => {
    two[Symbol.dispose]();
  });
});

test('an offset or a value of a wrong type is refused, and the error names the right type', (t) => {
  const window = open(t, 'mock:nvme').map(0, 0, 0x4000);
  t.throws(() => window.read32(0n as never), {
    instanceOf: TypeError,
    message: 'offset must be a number, not a bigint',
  });
  t.throws(
    () => {
      window.write32(0x24, 1n as never);
    },
    { instanceOf: TypeError, message: 'value must be a number, not a bigint' },
  );
  t.throws(
    () => {
      window.write64(0x28, 1 as never);
    },
    { instanceOf: TypeError, message: 'value must be a bigint, not a number' },
  );
  t.is(window.read32(0x24), 0);
});
