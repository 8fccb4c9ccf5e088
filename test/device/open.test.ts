import test from 'ava';
import type { Backend, OpenOptions, PciFunction } from '../../lib/contract/index.js';
import { deviceApi } from '../../lib/device/open.js';
import { VfioError } from '../../lib/errors.js';
import { FakeConnection } from './fake.js';

class FakeBackend implements Backend {
  readonly opened: (readonly [string, OpenOptions])[] = [];
  prepare: (connection: FakeConnection) => void = () => undefined;
  connection: FakeConnection | undefined;

  constructor(
    readonly kind: string,
    public pattern: RegExp,
  ) {}

  owns(name: string): boolean {
    return this.pattern.test(name);
  }

  list(): PciFunction[] {
    return [{ name: this.kind } as PciFunction];
  }

  async open(name: string, options: OpenOptions) {
    await Promise.resolve();
    return this.openSync(name, options);
  }

  openSync(name: string, options: OpenOptions) {
    this.opened.push([name, options]);
    this.connection = new FakeConnection();
    this.prepare(this.connection);
    return this.connection;
  }
}

const MOCK = /^mock:/;
const REAL = /^[0-9a-f]{4}:/;

function api() {
  const mock = new FakeBackend('mock', MOCK);
  const real = new FakeBackend('real', REAL);
  return { mock, real, ...deviceApi([mock, real]) };
}

test('openDevice() uses the back end whose pattern matches the device name', async (t) => {
  const { mock, real, openDevice, openDeviceSync } = api();
  const device = await openDevice('mock:nvme', { via: 'group' });
  t.is(device.via, 'cdev');
  openDeviceSync('0000:01:00.0', { noiommu: true });
  t.deepEqual(mock.opened, [['mock:nvme', { via: 'group' }]]);
  t.deepEqual(real.opened, [['0000:01:00.0', { noiommu: true }]]);
});

test('listDevices() lists the devices of all back ends', (t) => {
  t.deepEqual(
    api()
      .listDevices()
      .map(({ name }) => name),
    ['mock', 'real'],
  );
});

test('an unknown name gives ENODEV, and the hint explains valid names', async (t) => {
  const { openDevice, openDeviceSync } = api();
  const message = "ENODEV: not the name of a device 'nvme0'";
  const error = await t.throwsAsync(openDevice('nvme0'), { instanceOf: VfioError, message });
  t.regex(
    error.hint ?? '',
    /address of a PCI function such as '0000:01:00\.0', or the name of a mock device such as 'mock:nvme'/,
  );
  t.throws(() => openDeviceSync('nvme0'), { code: 'ENODEV', message });
});

test('openDevice() of a vendor ID and a device ID opens the real function with these IDs', async (t) => {
  const { real, mock, openDevice, resolveName } = api();
  const nic = (name: string) => ({ name, vendorId: 0x8086, deviceId: 0x10d3 }) as PciFunction;
  const found = [nic('0000:01:00.0'), { ...nic('0000:02:00.0'), deviceId: 0x1533 }];
  real.pattern = /^[0-9a-f]{4}:..:/;
  real.list = () => found;
  mock.list = () => [nic('mock:nic')];
  t.is(resolveName('8086:10D3'), '0000:01:00.0');
  await openDevice('8086:1533');
  t.deepEqual(
    real.opened.map(([name]) => name),
    ['0000:02:00.0'],
  );
  const none = t.throws(() => resolveName('8086:ffff'), { code: 'ENODEV' });
  t.regex(none.message, /no PCI function has this vendor ID and device ID '8086:ffff'/);
  found.push(nic('0000:03:00.0'));
  const several = t.throws(() => resolveName('8086:10d3'), { instanceOf: VfioError });
  t.is(several.code, 'EINVAL');
  t.regex(several.hint ?? '', /0000:01:00\.0, 0000:03:00\.0/);
});

test('resolveName() returns a complete name unchanged', (t) => {
  const { resolveName } = api();
  t.is(resolveName('mock:nvme?kernel=6.1'), 'mock:nvme?kernel=6.1');
  t.throws(() => resolveName('nvme0'), { code: 'ENODEV' });
});

test("without the kernel back end, the hint for a real address advises to import 'vfio'", (t) => {
  const { openDeviceSync } = deviceApi([new FakeBackend('mock', MOCK)]);
  const error = t.throws(() => openDeviceSync('0000:01:00.0'), { instanceOf: VfioError });
  t.notRegex(error.message, /address of a PCI function/);
  t.regex(error.hint ?? '', /import from 'vfio'/);
});

test('openDevice() of a name that is not a string gives a TypeError', async (t) => {
  const { mock, openDevice, openDeviceSync } = api();
  t.throws(() => openDeviceSync(1 as never), { instanceOf: TypeError });
  await t.throwsAsync(openDevice(undefined as never), { instanceOf: TypeError });
  t.deepEqual(mock.opened, []);
});

test('if getInfo() fails, the connection is closed', async (t) => {
  const { mock, openDevice, openDeviceSync } = api();
  mock.prepare = ({ script }) => {
    script.fail('getInfo');
  };
  t.throws(() => openDeviceSync('mock:nvme'), { code: 'EIO' });
  t.true(mock.connection?.script.closed);
  await t.throwsAsync(openDevice('mock:nvme'), { code: 'EIO' });
  t.true(mock.connection?.script.closed);
});
