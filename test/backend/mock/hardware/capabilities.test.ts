import test from 'ava';
import type { CapabilityShape } from '../../../../lib/backend/mock/hardware/model.js';
import type { KernelVersion } from '../../../../lib/backend/mock/machine/profile.js';
import { device, EXPRESS, image, shown, writeOnes } from './capabilities.js';
import { bind, CONFIG, connect, enableBusMaster, plainModel } from '../support.js';

test('vfio-pci hides slot id, hot swap, debug port, hot plug, SSVID, AGP 8x, EA …', (t) => {
  const hidden = [
    'slot_id',
    'compactpci_hot_swap',
    'debug_port',
    'compactpci_resource',
    'hot_plug',
    'bridge_subsystem',
    'agp_8x',
    'secure_device',
    'ea',
  ] as const;
  const all: CapabilityShape[] = [{ name: 'pm', offset: 0x40 }];
  for (const [i, name] of hidden.entries()) {
    all.push({ name, offset: 0x50 + 16 * i, bytes: Uint8Array.of(0x77, 0x66) });
  }
  all.push({ name: 'af', offset: 0xf0 });
  const connection = device(t, all);
  t.deepEqual(shown(connection), ['pm', 'af']);
  // The bytes of a hidden capability are raw: a read returns the device's own id and link.
  t.is(connection.load(CONFIG, 0x50, 4), 0x6677_6004);
});

test('the capabilities pointer of the header skips a hidden first capability', (t) => {
  const connection = device(t, [
    { name: 'bridge_subsystem', offset: 0x40 },
    { name: 'pm', offset: 0x50 },
  ]);
  t.is(connection.load(CONFIG, 0x34, 1), 0x50);
  t.is(connection.load(CONFIG, 0x06, 2) & 0x10, 0x10);
});

test('if all capabilities are hidden, the capability bit of the status register is 0', (t) => {
  const connection = device(t, [{ name: 'bridge_subsystem', offset: 0x40 }]);
  t.is(connection.load(CONFIG, 0x06, 2) & 0x10, 0);
  t.deepEqual(shown(connection), []);
});

test('the capabilities AGP, HyperTransport and SATA read as raw bytes and drop writes', (t) => {
  const bytes = Uint8Array.from({ length: 26 }, (_, i) => i + 1);
  const connection = device(t, [
    { name: 'agp', offset: 0x40, bytes: bytes.subarray(0, 10) },
    { name: 'hypertransport', offset: 0x50, bytes },
    { name: 'sata', offset: 0x70, bytes: bytes.subarray(0, 6) },
  ]);
  t.deepEqual(shown(connection), ['agp', 'hypertransport', 'sata']);
  const before = image(connection);
  writeOnes(connection, 0x40, 3);
  writeOnes(connection, 0x50, 7);
  writeOnes(connection, 0x70, 2);
  t.deepEqual(image(connection), before);
});

test('the command register of PCI-X is writable', (t) => {
  const body = new Uint8Array(6);
  const connection = device(t, [{ name: 'pcix', offset: 0x40, bytes: body }]);
  connection.store(CONFIG, 0x42, 2, 0xffff);
  t.is(connection.load(CONFIG, 0x42, 2), 0x007f);
  connection.store(CONFIG, 0x44, 4, 0xffff_ffff);
  t.is(connection.load(CONFIG, 0x44, 4), 0);
});

test('the user can enter D1 and D2 only if the device supports D1 and D2', (t) => {
  const bytes = new Uint8Array(256);
  bytes.set([0x34, 0x12, 0x78, 0x56, 3, 0, 0x10, 0]);
  bytes[0x34] = 0x40;
  // The device supports PME in every power state. The device supports D1 but not D2.
  bytes.set([0x01, 0x00, 0x03, 0xfa, 0x00, 0x80], 0x40);
  const model = plainModel([], undefined, { image: { bytes } });
  const connection = connect(t, model);
  t.is(connection.load(CONFIG, 0x42, 2), 0x0203);
  t.is(connection.load(CONFIG, 0x44, 2), 0);
  connection.store(CONFIG, 0x44, 2, 2);
  t.is(connection.load(CONFIG, 0x44, 2), 0);
  connection.store(CONFIG, 0x44, 2, 0x8101);
  t.is(connection.load(CONFIG, 0x44, 2), 1);
  t.is(connection.load(0, 4, 4), 0);
  connection.store(CONFIG, 0x44, 2, 3);
  t.throws(() => connection.load(0, 4, 4), { code: 'EIO' });
});

test('only a write to the byte that contains the flag F starts a VPD transfer', (t) => {
  const data = Uint8Array.from({ length: 16 }, (_, i) => i);
  const connection = device(t, [{ name: 'vpd', offset: 0x40, data }]);
  connection.store(CONFIG, 0x42, 1, 4);
  t.is(connection.load(CONFIG, 0x44, 4), 0);
  connection.store(CONFIG, 0x43, 1, 0);
  t.is(connection.load(CONFIG, 0x42, 2), 0x8004);
  t.is(connection.load(CONFIG, 0x44, 4), 0x07060504);
  connection.store(CONFIG, 0x44, 4, 0xaabbccdd);
  connection.store(CONFIG, 0x42, 2, 0x8008);
  t.is(connection.load(CONFIG, 0x42, 2), 0x0008);
  connection.store(CONFIG, 0x42, 2, 0x0008);
  t.is(connection.load(CONFIG, 0x44, 4), 0xaabbccdd);
  t.deepEqual([...data.subarray(8, 12)], [8, 9, 10, 11]);
});

test('a failed VPD write does not change the flag F', (t) => {
  const connection = device(t, [{ name: 'vpd', offset: 0x40, data: new Uint8Array(8) }]);
  for (const address of [0x8006, 0x8008, 0xfffc]) {
    connection.store(CONFIG, 0x42, 2, address);
    t.is(connection.load(CONFIG, 0x42, 2), address);
  }
  connection.store(CONFIG, 0x42, 2, 0x7ffc);
  t.is(connection.load(CONFIG, 0x42, 2), 0xfffc);
  t.is(connection.load(CONFIG, 0x44, 4), 0);
});

test('writes to a vendor capability reach the device, but writes to its link are dropped', (t) => {
  const connection = device(t, [
    { name: 'vendor_specific', offset: 0x40, bytes: Uint8Array.of(1, 2, 3, 4, 5) },
    { name: 'bridge_subsystem', offset: 0x50 },
    { name: 'af', offset: 0x60 },
  ]);
  t.is(connection.load(CONFIG, 0x41, 1), 0x60);
  connection.store(CONFIG, 0x44, 4, 0xdeadbeef);
  t.is(connection.load(CONFIG, 0x44, 4), 0xdeadbeef);
  connection.store(CONFIG, 0x40, 2, 0xffff);
  t.is(connection.load(CONFIG, 0x40, 2), 0x6009);
});

test('a vendor capability of length 0 is hidden', (t) => {
  const bytes = new Uint8Array(256);
  bytes.set([0x34, 0x12, 0x78, 0x56, 3, 0, 0x10, 0]);
  bytes[0x34] = 0x40;
  bytes.set([0x09, 0x00, 0x00], 0x40);
  const connection = connect(t, plainModel([], undefined, { image: { bytes } }));
  t.deepEqual(shown(connection), []);
});

test('the reset bit of AF resets the function and always reads as 0', (t) => {
  let resets = 0;
  const plain = plainModel([{ name: 'af', offset: 0x40 }]);
  const connection = connect(t, {
    ...plain,
    create: (host) => ({ ...plain.create(host), reset: () => resets++ }),
  });
  connection.store(CONFIG, 0x44, 1, 0xff);
  t.is(connection.load(CONFIG, 0x44, 1), 0);
  t.is(resets, 1);
  connection.store(CONFIG, 0x45, 1, 0xff);
  t.is(connection.load(CONFIG, 0x45, 1), 0);
  t.is(resets, 1);
});

test('the reset bit of PCIe reads as 0, even if the device has no function level reset', (t) => {
  let resets = 0;
  const plain = plainModel([{ ...EXPRESS, flr: false }]);
  const connection = connect(t, {
    ...plain,
    create: (host) => ({ ...plain.create(host), reset: () => resets++ }),
  });
  connection.store(CONFIG, 0x48, 2, 0x8000);
  t.is(connection.load(CONFIG, 0x48, 2), 0);
  t.is(resets, 0);
});

test('since Linux 6.12, Link Status 2 is virtual; in older kernels, its bytes are raw', (t) => {
  const open = (kernel: KernelVersion) => {
    const bytes = new Uint8Array(4096);
    bytes.set([0x34, 0x12, 0x78, 0x56, 3, 0, 0x10, 0]);
    bytes[0x34] = 0x40;
    bytes.set([0x10, 0x00, 0x02, 0x00], 0x40);
    const writable = new Map([[0x72, Uint8Array.of(0xff, 0xff)]]);
    const model = plainModel([], undefined, { image: { bytes, writable } });
    return connect(t, model, undefined, { kernel });
  };
  const [old, middle, newest] = [open('6.1'), open('6.12'), open('7.2')];
  for (const connection of [old, middle, newest]) connection.store(CONFIG, 0x72, 2, 0xffff);
  t.deepEqual(
    [old, middle, newest].map((connection) => connection.load(CONFIG, 0x72, 2)),
    [0xffff, 0, 0],
  );
});

test('for vfio-pci, a PCIe capability of version 1 ends after 20 bytes', (t) => {
  const connection = device(t, [{ ...EXPRESS, version: 1 }]);
  connection.store(CONFIG, 0x40 + 0x14, 4, 0x12345678);
  t.is(connection.load(CONFIG, 0x40 + 0x14, 4), 0x12345678);
  connection.store(CONFIG, 0x40 + 0x10, 4, 0xffff_ffff);
  t.is(connection.load(CONFIG, 0x40 + 0x10, 4), 0x0011_0000);
});

test('MSI with 32-bit addresses delivers messages', (t) => {
  const connection = device(t, [{ name: 'msi', offset: 0x40, vectors: 2, bits: 32 }]);
  t.is(connection.load(CONFIG, 0x42, 2), 0x0002);
  connection.store(CONFIG, 0x44, 4, 0xfee0_0001);
  connection.store(CONFIG, 0x48, 4, 0xffff_4041);
  t.is(connection.load(CONFIG, 0x44, 4), 0xfee0_0001);
  t.is(connection.load(CONFIG, 0x48, 2), 0x4041);
  enableBusMaster(connection);
  const eventfds = [connection.createEventfd(), connection.createEventfd()];
  bind(connection, 1, 0, eventfds);
  connection.store(0, 0, 4, 1);
  t.deepEqual(
    eventfds.map((eventfd) => eventfd.read()),
    [0n, 1n],
  );
});

test('the mask bits and the pending bits of MSI are not virtual', (t) => {
  const connection = device(t, [{ name: 'msi', offset: 0x40, vectors: 4, maskable: true }]);
  t.is(connection.load(CONFIG, 0x42, 2), 0x0184);
  enableBusMaster(connection);
  const eventfd = connection.createEventfd();
  bind(connection, 1, 0, [eventfd, eventfd]);
  // Enabling MSI first masks all vectors, then unmasks each vector that has a handler.
  t.is(connection.load(CONFIG, 0x50, 4), 0xc);
  connection.store(CONFIG, 0x50, 4, 0xe);
  connection.store(0, 0, 4, 1);
  t.is(eventfd.read(), 0n);
  t.is(connection.load(CONFIG, 0x54, 4), 2);
  connection.store(CONFIG, 0x50, 4, 0xc);
  t.is(eventfd.read(), 1n);
  t.is(connection.load(CONFIG, 0x54, 4), 0);
  connection.setIrqs({ index: 1, flags: 0x21, start: 0, count: 0 });
  t.is(connection.load(CONFIG, 0x50, 4), 0);
});
