import test from 'ava';
import { openDeviceSync, VfioError } from 'vfio/mock';

const RAISE = 0x08;
const RAISE_VECTOR = 0x0c;
const SENT = 0x10;
const FAULTS = 0x14;
const STORE = 0x1000;

test('the device is a WLAN adapter with 32 MSI vectors and 32 private interrupt sources', (t) => {
  using device = openDeviceSync('mock:wlan#shape');
  t.is(device.config.header().classCode, 0x028000);
  t.is(device.interrupts.msi.count, 32);
  t.is(device.interrupts.msix.count, 0);
  using registers = device.bar(0).map();
  t.is(registers.read32(4), 32);
  for (let n = 0; n < 32; n++) t.is(registers.read32(STORE + 16 * n + 12), 1);
});

test('a write to the register `raise vector` raises an MSI interrupt', async (t) => {
  using device = openDeviceSync('mock:wlan#msi');
  device.config.update('command', { memory: 1, bus_master: 1 });
  device.interrupts.msi.enable({ vectors: 32 });
  const vector = device.interrupts.msi.request(31);
  using registers = device.bar(0).map();
  registers.write32(RAISE_VECTOR, 31);
  t.is(await vector.next(), 1n);
});

test('a private interrupt source writes its message data to its message address', (t) => {
  using device = openDeviceSync('mock:wlan#memory');
  device.config.update('command', { memory: 1, bus_master: 1 });
  using registers = device.bar(0).map();
  using buffer = device.dma.allocateSync(4096);
  const program = (address: bigint, data: number) => {
    registers.write32(STORE, Number(address & 0xffff_ffffn));
    registers.write32(STORE + 4, Number(address >> 32n));
    registers.write32(STORE + 8, data);
    registers.write32(STORE + 12, 0);
  };
  program(buffer.iova + 8n, 0xcafe_f00d);
  const raise = () => {
    registers.write32(RAISE, 0);
    // A read of a register runs the deferred work.
    registers.read32(0);
  };
  raise();
  t.is(registers.read32(SENT), 1);
  t.is(new DataView(buffer.buffer).getUint32(8, true), 0xcafe_f00d);
  program(0n, 1);
  raise();
  t.is(registers.read32(FAULTS), 1);
  t.is(registers.read32(SENT), 1);
});

test('a masked private source holds one interrupt, which a reset clears', (t) => {
  using device = openDeviceSync('mock:wlan#mask');
  device.config.update('command', { memory: 1, bus_master: 1 });
  using registers = device.bar(0).map();
  registers.write32(RAISE, 2);
  registers.write32(RAISE, 2);
  registers.read32(SENT);
  t.is(registers.read32(STORE + 32 + 12), 3);
  device.resetSync();
  t.is(registers.read32(STORE + 32 + 12), 1);
});

test('by default, wlan has the feature MSI_NOVIRT; the setting novirt=off removes the feature', (t) => {
  const state = (name: string) => {
    using device = openDeviceSync(name);
    return device.messages.novirt.state;
  };
  t.is(state('mock:wlan'), 'available');
  t.is(state('mock:wlan?kernel=6.1'), 'available');
  t.is(state('mock:wlan?novirt=off'), 'absent');
  t.is(state('mock:wlan?dmabuf=on'), 'absent');
  t.throws(() => state('mock:wlan?dmabuf=on&novirt=on'), { instanceOf: VfioError, code: 'EINVAL' });
});

test('only with a variant driver, private interrupt sources have an interrupt index', (t) => {
  using plain = openDeviceSync('mock:wlan#plain');
  t.is(plain.info.numIrqs, 5);
  t.throws(() => plain.connection.getIrqInfo(5), { instanceOf: VfioError, code: 'EINVAL' });
  using variant = openDeviceSync('mock:wlan#variant?variant=on');
  t.is(variant.info.numIrqs, 6);
  t.deepEqual(variant.connection.getIrqInfo(5), { index: 5, flags: 1, count: 32 });
  const [sources] = variant.interrupts.deviceSpecific;
  t.throws(() => sources?.request(32), { instanceOf: RangeError });
  using edu = openDeviceSync('mock:edu#variant?variant=on');
  t.is(edu.info.numIrqs, 5);
});

/** The window of mock:wlan?layout=irregular, and its page register. */
const WINDOW = 0x80000;
const PAGE = 0x310c;
const IRREGULAR = [
  0x48, 0x3048, 0x30a0, 0x5048, 0x50a0, 0x6048, 0xb048, 0xb0a0, 0xe048, 0x34968, 0x34a70, 0x3849c,
  0x385a4,
];

test('irregular: a source sends its message only while its enable bit is set', (t) => {
  using device = openDeviceSync('mock:wlan#enable?layout=irregular');
  device.config.update('command', { memory: 1, bus_master: 1 });
  using registers = device.bar(0).map();
  using buffer = device.dma.allocateSync(4096);
  t.is(registers.size, 0x10_0000);
  t.is(registers.read32(4), IRREGULAR.length);
  const values = new DataView(buffer.buffer);
  for (const [source, offset] of IRREGULAR.entries()) {
    const start = WINDOW + offset;
    const raise = () => {
      registers.write32(RAISE, source);
      // A read of a register runs the deferred work.
      registers.read32(0);
    };
    registers.write32(start, Number(buffer.iova & 0xffff_ffffn) + 4 * source);
    registers.write32(start + 8, 0x100 + source);
    raise();
    t.is(registers.read32(SENT), source);
    registers.write32(start + 4, Number(buffer.iova >> 32n) | 0x100);
    raise();
    t.is(values.getUint32(4 * source, true), 0x100 + source);
    t.is(registers.read32(SENT), source + 1);
  }
  t.is(registers.read32(FAULTS), 0);
  registers.write32(RAISE, IRREGULAR.length);
  t.is(registers.read32(SENT), IRREGULAR.length);
});

test('irregular: the other words of the window contain what was written, on each page', (t) => {
  using device = openDeviceSync('mock:wlan#pages?layout=irregular');
  device.config.update('command', { memory: 1, bus_master: 1 });
  using registers = device.bar(0).map();
  registers.write32(WINDOW + 0x48, 0xfee0_0000);
  registers.write64(WINDOW + 0x7fff8, 0x1122_3344_5566_7788n);
  registers.write8(WINDOW + 0x7fff9, 0xaa);
  registers.write32(PAGE, 0x4000_0001);
  t.is(registers.read32(WINDOW + 0x48), 0);
  registers.write16(WINDOW + 0x4a, 0xabcd);
  registers.write32(PAGE, 0x4000_0000);
  t.is(registers.read32(WINDOW + 0x48), 0xfee0_0000);
  t.is(registers.read64(WINDOW + 0x7fff8), 0x1122_3344_5566_aa88n);
  t.is(registers.read16(WINDOW + 0x7fff8), 0xaa88);
  registers.write32(PAGE, 1);
  t.is(registers.read32(WINDOW + 0x48), 0xabcd_0000);
  device.resetSync();
  t.is(registers.read32(PAGE), 0);
  t.is(registers.read32(WINDOW + 0x48), 0);
});

test('only models with several register layouts have the setting `layout`', (t) => {
  using device = openDeviceSync('mock:wlan#both?layout=irregular');
  using regular = openDeviceSync('mock:wlan#both');
  t.is(device.bar(0).size, 0x10_0000n);
  t.is(regular.bar(0).size, 0x4000n);
  const refused = { instanceOf: VfioError, code: 'EINVAL' };
  t.throws(() => openDeviceSync('mock:wlan?layout=round'), {
    ...refused,
    message: /layout must be irregular, not 'round'/,
  });
  t.throws(() => openDeviceSync('mock:nvme?layout=irregular'), {
    ...refused,
    message: /unknown setting 'layout'/,
  });
});
