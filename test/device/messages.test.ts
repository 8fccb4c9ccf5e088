// Tests physical messages on mock devices of three kernels. In the first kernel, feature 11 is
// MSI_NOVIRT. In the second kernel, feature 11 is DMA_BUF. The third kernel has no feature 11.
import { once } from 'node:events';
import test from 'ava';
import { openDeviceSync, VfioError } from 'vfio/mock';
import { isRemapped } from '../../lib/device/messages/message.js';
import { VfioError as OwnError } from '../../lib/errors.js';
import { openFake } from './fake.js';

const NOVIRT = 'mock:edu?kernel=6.12&novirt=on';
const PROBE_SET = 'feature 0x6000b []';
const PROBE_GET = 'feature 0x5000b []';
const SET = 'feature 0x2000b []';
/** Opens a fake device with an MSI capability. */
const openMsi = () =>
  openFake(({ config }) => {
    config[0x06] = 0x10;
    config[0x34] = 0x40;
    config[0x40] = 0x05;
  });
const einval = () => new OwnError({ code: 'EINVAL' });

test('a read of messages.support does not enable MSI_NOVIRT', (t) => {
  using nvme = openDeviceSync('mock:nvme?kernel=6.12');
  t.deepEqual(nvme.messages.support, {
    msix: { method: 'msix-table', ready: true, reason: null },
    msi: { method: null, ready: false, reason: 'the device has no MSI' },
  });
  using edu = openDeviceSync(NOVIRT);
  t.is(edu.messages.support.msix.reason, 'the device has no MSI-X');
  t.like(edu.messages.support.msi, { method: 'novirt', ready: false });
  t.is(edu.messages.novirt.state, 'available');
});

test('each requested MSI-X vector has its own message', (t) => {
  using device = openDeviceSync('mock:nvme');
  device.interrupts.msix.request(3);
  device.interrupts.msix.request(5);
  const three = device.messages.read('msix', 3);
  const five = device.messages.read('msix', 5);
  t.like(three, { remapped: true, method: 'msix-table' });
  t.is(three.address >> 20n, 0xfeen);
  t.notDeepEqual(three, five);
  t.throws(() => device.messages.read('msix', 4), { instanceOf: VfioError, code: 'ENODATA' });
  t.throws(() => device.messages.read('msix', 99), { instanceOf: RangeError });
  const none = t.throws(() => device.messages.read('msi', 0), { instanceOf: VfioError });
  t.is(none.code, 'ENOTSUP');
  t.regex(none.message, /the device has no MSI/);
  t.regex(none.hint ?? '', /use MSI-X/);
});

test('while memory decode is off, reading a message gives EIO', (t) => {
  using device = openDeviceSync('mock:nvme');
  device.interrupts.msix.request(0);
  device.config.update('command', { memory: 0 });
  t.throws(() => device.messages.read('msix', 0), { instanceOf: VfioError, code: 'EIO' });
  device.config.update('command', { memory: 1 });
  t.true(device.messages.read('msix', 0).remapped);
});

test('after novirt.enable(), the MSI registers contain the physical message and drop writes', (t) => {
  using device = openDeviceSync(NOVIRT);
  const { config, messages } = device;
  config.set('msi.address', 0xfee0_0000);
  config.set('msi.data', 0x4041);
  device.interrupts.msi.request(0);
  t.like(config.details('msi'), { address: 0xfee0_0000n, data: 0x4041 });
  const early = t.throws(() => messages.read('msi', 0), { instanceOf: VfioError, code: 'ENOTSUP' });
  t.regex(early.hint ?? '', /novirt\.enable/);

  messages.novirt.enable();
  const physical = messages.read('msi', 0);
  t.like(physical, { remapped: true, method: 'novirt' });
  t.not(physical.address, 0xfee0_0000n);
  t.is(messages.novirt.state, 'on');
  messages.novirt.enable();
  config.set('msi.data', 0x4041);
  t.deepEqual(messages.read('msi', 0), physical);
});

test('overwriting the MSI capability does not change the physical message', (t) => {
  using device = openDeviceSync('mock:wlan#over');
  device.interrupts.msi.enable({ vectors: 4 });
  device.interrupts.msi.request(3);
  device.messages.novirt.enable();
  const before = device.messages.read('msi', 3);
  device.config.write(device.config.find('msi')?.offset ?? 0, new Uint8Array(24));
  t.deepEqual(device.messages.read('msi', 3), before);
});

test('after the device is closed, every use of device.messages gives EBADF', (t) => {
  const device = openDeviceSync(NOVIRT);
  const { messages } = device;
  messages.novirt.enable();
  device.close();
  for (const use of [
    () => messages.support,
    () => messages.novirt.state,
    () => {
      messages.novirt.enable();
    },
    () => messages.read('msi', 0),
  ]) {
    t.throws(use, { instanceOf: VfioError, code: 'EBADF' });
  }
});

test('closing the device disables MSI_NOVIRT', (t) => {
  const first = openDeviceSync(NOVIRT);
  first.messages.novirt.enable();
  first.close();
  using second = openDeviceSync(NOVIRT);
  t.is(second.messages.novirt.state, 'available');
  second.config.set('msi.data', 0x4041);
  t.is(second.config.get('msi.data'), 0x4041);
});

test.serial('only the first dropped write to the MSI message emits a warning', async (t) => {
  using device = openDeviceSync(NOVIRT);
  const { config } = device;
  const warnings: Error[] = [];
  const record = (warning: Error) => {
    if (warning.name === 'VfioWarning') warnings.push(warning);
  };
  process.on('warning', record);
  config.set('msi.data', 1);
  device.messages.novirt.enable();
  config.update('msi.control', { enable: 1 });
  config.set('interrupt_line', 5);
  await new Promise(setImmediate);
  t.deepEqual(warnings, []);
  const warned = once(process, 'warning');
  config.set('msi.data', 1);
  config.set('msi.address', 1);
  t.like(await warned, [{ code: 'VFIO_MSI_NOVIRT_WRITE' }]);
  await new Promise(setImmediate);
  t.is(warnings.length, 1);
  process.off('warning', record);
});

test('MSI_NOVIRT is absent if feature 11 is DMA_BUF or unknown', (t) => {
  for (const [name, reason] of [
    ['mock:edu', /feature 11 is DMA_BUF/],
    ['mock:edu?kernel=6.12', /neither the kernel/],
  ] as const) {
    using device = openDeviceSync(name);
    device.interrupts.msi.request(0);
    t.is(device.messages.novirt.state, 'absent', name);
    t.regex(device.messages.support.msi.reason ?? '', reason);
    const read = t.throws(() => device.messages.read('msi', 0), { instanceOf: VfioError });
    t.is(read.code, 'ENOTSUP');
    t.regex(read.hint ?? '', /MSI-X.*build-lab-kernel --novirt/);
    t.throws(
      () => {
        device.messages.novirt.enable();
      },
      { instanceOf: VfioError, code: 'ENOTSUP' },
    );
  }
});

test('enable() sets the feature only if PROBE|SET succeeds and PROBE|GET gives EINVAL', (t) => {
  const ok = null;
  for (const [set, get] of [
    [ok, ok],
    ['EINVAL', ok],
    ['EINVAL', 'EINVAL'],
    ['ENOTTY', 'ENOTTY'],
    [ok, 'ENOTTY'],
    ['EOPNOTSUPP', 'EOPNOTSUPP'],
  ] as const) {
    const { device, script } = openMsi();
    const answers = [...(set === null ? [] : [set]), ...(get === null ? [] : [get])];
    if (set !== null) script.fail('feature', new OwnError({ code: set }));
    if (set === null && get !== null) script.fail('feature', new OwnError({ code: get }), 2);
    t.throws(
      () => {
        device.messages.novirt.enable();
      },
      { code: 'ENOTSUP' },
      answers.join(),
    );
    t.false(script.take().includes(SET), answers.join());
  }
  const { device, script } = openMsi();
  script.fail('feature', einval(), 2);
  device.messages.novirt.enable();
  device.messages.novirt.enable();
  t.deepEqual(
    script.take().filter((call) => call.startsWith('feature')),
    [PROBE_SET, PROBE_GET, SET],
  );
});

test('the feature number can be changed until MSI_NOVIRT is enabled', (t) => {
  const { device, script } = openMsi();
  const { novirt } = device.messages;
  t.is(novirt.number, 11);
  novirt.number = 42;
  script.fail('feature', einval(), 2);
  novirt.enable();
  t.is(script.take().at(2), 'feature 0x2002a []');
  t.throws(
    () => {
      novirt.number = 11;
    },
    { code: 'EBUSY' },
  );
  // Feature 3 (LOW_POWER_ENTRY) can be set but not read, like MSI_NOVIRT.
  for (const number of [3, 10, 65536, 11.5]) {
    t.throws(
      () => {
        novirt.number = number;
      },
      { instanceOf: RangeError },
    );
  }
});

test('isRemapped() checks the message on Intel hosts, and the IOMMU on AMD and arm64 hosts', (t) => {
  const of = (address: bigint, name: string | null, unsafeInterrupts = false) =>
    isRemapped({ address, data: 0 }, { name, unsafeInterrupts });
  t.true(of(0xfee0_02f8n, 'dmar0'));
  t.false(of(0xfee0_1004n, 'dmar0', true));
  t.true(of(0xfee0_0000n, 'ivhd0'));
  t.is(of(0xfee0_0000n, 'ivhd0', true), 'unknown');
  t.true(of(0x800_0040n, 'smmu3.0x0000000009050000'));
  t.is(of(0x800_0040n, 'smmu3.0x0000000009050000', true), 'unknown');
  t.is(of(0xfee0_02f8n, 'iommu0'), 'unknown');
  t.is(of(0xfee0_02f8n, null), 'unknown');
});
