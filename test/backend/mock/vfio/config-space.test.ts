import test from 'ava';
import { CONFIG, connect, enableBusMaster, fails, open, plainModel, bind } from '../support.js';

test('nvme has the bytes of QEMU’s device; memory decode is on and bus mastering is off', (t) => {
  const device = open(t, 'mock:nvme');
  const bytes = new Uint8Array(256);
  t.is(device.read(CONFIG, 0, bytes), 256);
  const hex = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('hex');
  t.is(hex(0x00, 0x10), '361b1000030110000202080100000000');
  t.is(hex(0x2c, 0x40), 'f41a00110000000040000000000000000a010000');
  t.is(hex(0x40, 0x4c), '118040000020000000300000');
  t.is(hex(0x60, 0x68), '0100030008000000');
  t.is(
    hex(0x80, 0xac),
    '10600200' +
      '00800010' +
      '00000000' +
      '11040000' +
      '00001100' +
      '00'.repeat(16) +
      '00003000' +
      '00000000',
  );
});

test('edu has 256 bytes of configuration space with MSI', (t) => {
  const device = open(t, 'mock:edu');
  t.is(device.getRegionInfo(CONFIG).size, 256n);
  t.is(device.load(CONFIG, 0, 4), 0x11e81234);
  t.is(device.load(CONFIG, 8, 4), 0x00ff0010);
  t.is(device.load(CONFIG, 0x34, 1), 0x40);
  t.is(device.load(CONFIG, 0x3d, 1), 1);
  t.is(device.load(CONFIG, 0x40, 4), 0x00800005);
});

test('an access past the end of configuration space fails with EFAULT and transfers no byte', (t) => {
  for (const [name, size] of [
    ['mock:edu', 256],
    ['mock:nvme', 4096],
  ] as const) {
    const device = open(t, name);
    const into = new Uint8Array(8).fill(0x55);
    for (const offset of [size - 4, size, size + 100]) {
      fails(t, 'EFAULT', () => device.read(CONFIG, offset, into));
      fails(t, 'EFAULT', () => device.write(CONFIG, offset, into));
    }
    t.true(into.every((byte) => byte === 0x55));
    t.is(device.load(CONFIG, size - 4, 4), 0);
    t.is(device.read(CONFIG, size, new Uint8Array(0)), 0);
  }
});

test('writes to ids, status and other read-only bytes are dropped', (t) => {
  const device = open(t, 'mock:nvme');
  const before = new Uint8Array(64);
  device.read(CONFIG, 0, before);
  for (const offset of [0x00, 0x08, 0x28, 0x2c, 0x34, 0x38]) {
    device.store(CONFIG, offset, 4, 0xffffffff);
  }
  device.store(CONFIG, 0x06, 2, 0xffff);
  device.store(CONFIG, 0x3d, 1, 2);
  const after = new Uint8Array(64);
  device.read(CONFIG, 0, after);
  t.deepEqual(after, before);
});

test('bit 10 of the command register is virtual, and unsupported bits stay 0', (t) => {
  const device = open(t, 'mock:nvme');
  t.is(device.load(CONFIG, 4, 2), 0x0103);
  device.store(CONFIG, 4, 2, 0xffff);
  t.is(device.load(CONFIG, 4, 2), 0x0507);
  device.store(CONFIG, 5, 1, 0x00);
  t.is(device.load(CONFIG, 4, 2), 0x0007);
});

test('writing ones to a BAR shows the size of the BAR; writes never move the BAR', (t) => {
  const device = open(t, 'mock:nvme');
  const address = device.load(CONFIG, 0x10, 4);
  t.is(address & 0xf, 4);
  t.not(address >>> 4, 0);
  device.store(CONFIG, 0x10, 4, 0xffffffff);
  device.store(CONFIG, 0x14, 4, 0xffffffff);
  t.is(device.load(CONFIG, 0x10, 4), 0xffffc004);
  t.is(device.load(CONFIG, 0x14, 4), 0xffffffff);
  device.store(CONFIG, 0x18, 4, 0xffffffff);
  device.store(CONFIG, 0x30, 4, 0xffffffff);
  t.is(device.load(CONFIG, 0x18, 4), 0);
  t.is(device.load(CONFIG, 0x30, 4), 0);
  device.store(CONFIG, 0x10, 4, address);
  t.is(device.load(CONFIG, 0x10, 4), address);
  t.is(device.load(0, 8, 4), 0x10400);

  const edu = open(t, 'mock:edu');
  edu.store(CONFIG, 0x10, 4, 0xffffffff);
  t.is(edu.load(CONFIG, 0x10, 4), 0xfff00000);
});

test('a write to the interrupt line changes only the user’s copy', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x3c, 4, 0xffffffff);
  t.is(device.load(CONFIG, 0x3c, 4), 0x000001ff);
});

test('the user can change the power state, but the PME bits are hidden from the user', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x64, 2, 0x8103);
  t.is(device.load(CONFIG, 0x64, 2), 0x000b);
  fails(t, 'EIO', () => device.load(0, 0, 4));
  device.store(CONFIG, 0x64, 2, 0x0001);
  t.is(device.load(CONFIG, 0x64, 2), 0x000b);
  device.store(CONFIG, 0x64, 2, 0);
  t.is(device.load(CONFIG, 0x64, 2), 0x0008);
  t.is(device.load(0, 8, 4), 0x10400);
});

test('only an access that starts at the control register changes the power state', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x65, 1, 0xff);
  t.is(device.load(CONFIG, 0x64, 2), 0x0008);
  device.store(CONFIG, 0x64, 4, 3);
  t.is(device.load(CONFIG, 0x64, 2), 0x000b);
});

test('MSI address and data are virtual, and the user can set the enable bit after SET_IRQS', (t) => {
  const device = open(t, 'mock:edu');
  device.store(CONFIG, 0x44, 4, 0xfee00001);
  device.store(CONFIG, 0x48, 4, 0x12345678);
  device.store(CONFIG, 0x4c, 2, 0x4041);
  t.is(device.load(CONFIG, 0x44, 4), 0xfee00001);
  t.is(device.load(CONFIG, 0x48, 4), 0x12345678);
  t.is(device.load(CONFIG, 0x4c, 2), 0x4041);
  device.store(CONFIG, 0x42, 2, 0x00f1);
  t.is(device.load(CONFIG, 0x42, 2), 0x0080);
  const eventfd = device.createEventfd();
  bind(device, 1, 0, [eventfd]);
  t.is(device.load(CONFIG, 0x42, 2), 0x0080);
  device.store(CONFIG, 0x42, 2, 0x0081);
  t.is(device.load(CONFIG, 0x42, 2), 0x0081);
  device.setIrqs({ index: 1, flags: 0x21, start: 0, count: 0 });
  t.is(device.load(CONFIG, 0x42, 2), 0x0081);
  device.store(CONFIG, 0x41, 1, 0);
  t.is(device.load(CONFIG, 0x42, 2), 0x0080);
});

test('while SET_IRQS has enabled MSI, the user can clear the enable bit', (t) => {
  const model = plainModel([{ name: 'msi', offset: 0x40, vectors: 1 }]);
  const device = connect(t, model);
  enableBusMaster(device);
  const eventfd = device.createEventfd();
  bind(device, 1, 0, [eventfd]);
  device.store(0, 0, 4, 0);
  t.is(eventfd.read(), 1n);
  device.store(CONFIG, 0x42, 2, 0x0080);
  device.store(0, 0, 4, 0);
  t.is(eventfd.read(), 0n);
  device.store(CONFIG, 0x42, 2, 0x0081);
  device.store(0, 0, 4, 0);
  t.is(eventfd.read(), 1n);
});

test('the MSI queue size cannot exceed the number of vectors that SET_IRQS enabled', (t) => {
  const device = connect(t, plainModel([{ name: 'msi', offset: 0x40, vectors: 8 }]));
  device.store(CONFIG, 0x42, 2, 0x0030);
  t.is(device.load(CONFIG, 0x42, 2) & 0x70, 0);
  bind(device, 1, 0, [null, null, null]);
  device.store(CONFIG, 0x42, 2, 0x0030);
  t.is(device.load(CONFIG, 0x42, 2) & 0x70, 0x20);
  // Some bits that are read-only on a device are writable in the user’s copy.
  device.store(CONFIG, 0x42, 1, 0x0e);
  t.is(device.load(CONFIG, 0x42, 1), 0x0e);
});

test('the MSI-X control register reports the state set by SET_IRQS and drops writes', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(CONFIG, 0x42, 2, 0xc000);
  t.is(device.load(CONFIG, 0x42, 2), 0x0040);
  bind(device, 2, 0, [null]);
  t.is(device.load(CONFIG, 0x42, 2), 0x8040);
  device.store(CONFIG, 0x42, 2, 0x0000);
  t.is(device.load(CONFIG, 0x42, 2), 0x8040);
  device.setIrqs({ index: 2, flags: 0x21, start: 0, count: 0 });
  t.is(device.load(CONFIG, 0x42, 2), 0x0040);
});

test('a write to the reset bit of PCIe resets the function, and the bit reads 0', (t) => {
  const device = open(t, 'mock:nvme');
  device.store(0, 0x24, 4, 0x001f001f);
  device.store(0, 0x14, 4, 0x00460001);
  t.is(device.load(0, 0x1c, 4) & 1, 1);
  device.store(CONFIG, 0x88, 2, 0xf0e0);
  t.is(device.load(CONFIG, 0x88, 2), 0x70e0);
  t.is(device.load(0, 0x1c, 4), 0);
  t.is(device.load(CONFIG, 4, 2), 0x0103);
});

test('bytes outside of capabilities are raw and writable', (t) => {
  const device = open(t, 'mock:nvme');
  for (const offset of [0x50, 0xc0, 0x104, 0xffc]) {
    device.store(CONFIG, offset, 4, 0x12345678);
    t.is(device.load(CONFIG, offset, 4), 0x12345678);
  }
  // The header at 0x100 is 0, because the device has no extended capability.
  device.store(CONFIG, 0x100, 4, 0x12345678);
  t.is(device.load(CONFIG, 0x100, 4), 0);
  // vfio-pci virtualizes only the first 0x34 bytes of the PCIe capability. The device itself drops
  // this write.
  device.store(CONFIG, 0xb4, 4, 0xffffffff);
  t.is(device.load(CONFIG, 0xb4, 4), 0);
});

test('a block access transfers the same bytes as single accesses', (t) => {
  const device = open(t, 'mock:nvme');
  for (const [offset, length] of [
    [1, 6],
    [3, 13],
    [0x3e, 7],
    [0xff, 3],
  ] as const) {
    const block = new Uint8Array(length);
    t.is(device.read(CONFIG, offset, block), length);
    const single = Uint8Array.from(block, (_, i) => device.load(CONFIG, offset + i, 1));
    t.deepEqual(block, single);
  }
});
