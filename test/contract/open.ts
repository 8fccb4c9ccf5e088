import test from 'ava';
import { openDevice, openDeviceSync, VfioError } from 'vfio';
import { EDU, NVME, withDevice } from './targets.js';

const VFIO_DEVICE_FLAGS_PCI = 2;

for (const name of [NVME, EDU]) {
  test.serial(
    `${name === NVME ? 'nvme' : 'edu'}: the device info describes a vfio-pci device`,
    async (t) => {
      await withDevice(t, name, (device) => {
        t.is(device.name, name);
        t.truthy(device.info.flags & VFIO_DEVICE_FLAGS_PCI);
        t.true(device.info.numRegions >= 9);
        t.is(device.info.numIrqs, 5);
      });
    },
  );
}

test.serial('a device can be opened synchronously several times', (t) => {
  for (let n = 0; n < 3; n += 1) {
    using device = openDeviceSync(NVME);
    t.is(device.config.read16(0), 0x1b36);
  }
});

test.serial('two devices can be open at the same time', async (t) => {
  await using nvme = await openDevice(NVME);
  await using edu = await openDevice(EDU);
  t.is(nvme.config.read16(2), 0x0010);
  t.is(edu.config.read16(2), 0x11e8);
});

test.serial('close() can be called twice, and a later use of the device throws', async (t) => {
  const device = await openDevice(NVME);
  const window = device.bar(0).map();
  device.close();
  device.close();
  t.throws(() => device.config.read32(0));
  t.throws(() => device.bar(0).read(0, 4));
  t.throws(() => device.dma.allocateSync(4096));
  t.throws(() => device.interrupts.msix.request(0));
  t.throws(() => window.read32(0), { code: 'EBADF' });
  await t.throwsAsync(async () => device.reset());
});

test.serial('an error for an unknown device names the device', async (t) => {
  const missing = NVME.startsWith('mock:') ? 'mock:none' : '0000:7f:1f.7';
  const error = await t.throwsAsync(openDevice(missing), { instanceOf: VfioError });
  t.true(error.message.includes(missing), error.message);
});

test.serial(
  'a name with an unknown syntax fails with ENODEV, and the error shows valid names',
  async (t) => {
    const error = await t.throwsAsync(openDevice('no such thing'), { instanceOf: VfioError });
    t.is(error.code, 'ENODEV');
    t.true(error.hint?.includes('mock:nvme'), error.hint);
  },
);
