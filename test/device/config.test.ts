import test from 'ava';
import type { RegisterName } from '../../lib/pci/index.js';
import { type FakeConnection, openFake } from './fake.js';

/** Writes a header, PM at 0x40, 64-bit MSI at 0x50, PCI Express 2 at 0x80 and AER at 0x100. */
function writeConfig({ config }: FakeConnection): void {
  config.set([0x86, 0x80, 0x34, 0x12, 0x03, 0x04, 0x10, 0x00]);
  config.set([0x04, 0x00, 0x00, 0xfe], 0x10);
  config.set([0x01, 0xc0, 0x00, 0x00], 0x18);
  config[0x34] = 0x40;
  config.set([0x01, 0x50, 0x03, 0x00, 0x03, 0x81], 0x40);
  config.set([0x05, 0x80, 0x80, 0x00], 0x50);
  config.set([0x10, 0x00, 0x02, 0x00], 0x80);
  config.set([0x01, 0x00, 0x02, 0x00], 0x100);
}

const open = () =>
  openFake((connection) => {
    writeConfig(connection);
    connection.regions[0] = { size: 0x4000n };
  });

test('the size of configuration space is the size of region 7', (t) => {
  t.is(open().device.config.size, 4096);
});

test('each call of ConfigSpace makes one access of the requested width', (t) => {
  const { device, script } = open();
  const { config } = device;
  t.is(config.read8(1), 0x80);
  t.is(config.read16(2), 0x1234);
  t.is(config.read32(0), 0x1234_8086);
  config.write8(0x3c, 0xff);
  config.write16(4, 0xffff);
  config.write32(0x10, 0xffff_ffff);
  t.deepEqual(script.take(), [
    'load 7 1 1',
    'load 7 2 2',
    'load 7 0 4',
    'store 7 60 1 0xff',
    'store 7 4 2 0xffff',
    'store 7 16 4 0xffffffff',
  ]);
});

test('a wrong offset or value is refused before the device is accessed', (t) => {
  const { device, script } = open();
  const { config } = device;
  for (const offset of [-1, 4096, 2 ** 53]) {
    t.throws(() => config.read8(offset), { instanceOf: RangeError });
  }
  t.throws(() => config.read32(4094), { instanceOf: RangeError });
  t.throws(() => config.read16(3), { instanceOf: RangeError, message: /not a multiple of 2/ });
  t.throws(() => config.read32(2), { instanceOf: RangeError });
  t.throws(() => config.read8(0.5), { instanceOf: RangeError });
  t.throws(() => config.read8('0' as never), { instanceOf: TypeError });
  t.throws(
    () => {
      config.write8(0, 256);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      config.write16(0, -1);
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      config.write32(0, 2 ** 32);
    },
    { instanceOf: RangeError },
  );
  t.throws(() => config.read(4090, 7), { instanceOf: RangeError });
  t.throws(() => config.write(4095, new Uint8Array(2)), { instanceOf: RangeError });
  t.throws(() => config.write(0, [1] as never), { instanceOf: TypeError });
  t.deepEqual(script.take(), []);
});

test('read() and write() transfer a block by one call of the back end', (t) => {
  const { device, script } = open();
  t.deepEqual([...device.config.read(0, 4)], [0x86, 0x80, 0x34, 0x12]);
  t.is(device.config.write(0x3c, Uint8Array.of(7, 8)), 2);
  t.deepEqual(script.take(), ['read 7 0 4', 'write 7 60 [7,8]']);
});

test('ConfigSpace decodes the header, the BARs with their sizes, and a capability', (t) => {
  const { device } = open();
  t.like(device.config.header(), { vendorId: 0x8086, deviceId: 0x1234, type: 0 });
  t.deepEqual(device.config.bars(), [
    { index: 0, kind: 'memory64', address: 0xfe00_0000n, prefetchable: false, size: 0x4000n },
  ]);
  t.like(device.config.details('msi'), { address64: true, vectors: 1 });
  t.is(device.config.details('msix'), undefined);
});

test('ConfigSpace reads the capability lists only once', (t) => {
  const { device, script } = open();
  t.deepEqual(
    device.config.capabilities().map(({ name }) => name),
    ['pm', 'msi', 'pcie', 'aer'],
  );
  t.is(device.config.find('aer')?.offset, 0x100);
  t.is(device.config.find('msix'), undefined);
  t.deepEqual(
    device.config.findAll('aer').map(({ offset }) => offset),
    [0x100],
  );
  t.deepEqual(device.config.findAll('msix'), []);
  t.throws(() => device.config.findAll(5 as never), { instanceOf: TypeError });
  t.deepEqual(script.take(), ['read 7 0 4096']);
});

test('if the capability lists were empty, the next call reads the lists again', (t) => {
  const { device, connection } = openFake(({ config }) => config.fill(0xff));
  t.deepEqual(device.config.capabilities(), []);
  connection.config.fill(0);
  writeConfig(connection);
  t.is(device.config.capabilities().length, 4);
});

test('get() and set() find a register of the device by the register’s name', (t) => {
  const { device, script } = open();
  const { config } = device;
  t.is(config.get('vendor_id'), 0x8086);
  t.is(config.get('pm.control_status'), 0x8103);
  script.take();
  config.set('msi.data', 0x4021);
  t.deepEqual(script.take(), ['load 7 82 2', 'store 7 92 2 0x4021']);
  config.set('pcie.device_control', 0x2810);
  t.is(config.fields('pcie.device_control').max_read_request_size, 2);
  t.deepEqual(config.fields('vendor_id'), {});
});

test('the name of a missing register gives ENXIO, and an unknown name gives a TypeError', (t) => {
  const { device, script } = open();
  t.throws(() => device.config.get('msix.control'), {
    code: 'ENXIO',
    message: /no msix capability.*fake:device msix\.control/,
  });
  t.throws(() => device.config.get('msi.mask'), {
    code: 'ENXIO',
    message: /the msi capability has no such register/,
  });
  script.take();
  for (const name of ['comand', 'toString']) {
    t.throws(() => device.config.get(name as RegisterName), { instanceOf: TypeError });
  }
  t.deepEqual(script.take(), []);
});

test('update() reads the register once and writes the register once', (t) => {
  const { device, script } = open();
  device.config.update('command', { bus_master: 1, intx_disable: 0 });
  t.deepEqual(script.take(), ['load 7 4 2', 'store 7 4 2 0x7']);
  device.config.find('pm');
  script.take();
  device.config.update('pm.control_status', { power_state: 0 });
  t.deepEqual(script.take(), ['load 7 68 2', 'store 7 68 2 0x100']);
});

test('update() with wrong arguments does not access the device', (t) => {
  const { device, script } = open();
  const update = (changes: object) => {
    device.config.update('command', changes);
  };
  t.throws(
    () => {
      update({ bus_mastr: 1 });
    },
    { instanceOf: TypeError },
  );
  t.throws(
    () => {
      update({ bus_master: 2 });
    },
    { instanceOf: RangeError },
  );
  t.deepEqual(script.take(), []);
});

test('the error for an unknown register proposes a similar name', (t) => {
  const { device } = openFake();
  const message = (name: string) =>
    t.throws(() => device.config.get(name as never), { instanceOf: TypeError }).message;
  t.is(message('comand'), "unknown register 'comand': did you mean 'command'?");
  t.is(message('Command'), "unknown register 'Command': did you mean 'command'?");
  t.is(message('vendorid'), "unknown register 'vendorid': did you mean 'vendor_id'?");
  t.is(message('something'), "unknown register 'something'");
  t.is(message(''), "unknown register ''");
});
