import test from 'ava';
import { VfioError } from 'vfio';
import { EDU, NVME, withDevice } from './targets.js';

test.serial('config.header() decodes the header', async (t) => {
  await withDevice(t, NVME, (device) => {
    const header = device.config.header();
    t.is(header.vendorId, 0x1b36);
    t.is(header.deviceId, 0x0010);
    t.is(header.classCode, 0x010802);
    t.is(device.config.size, 4096);
  });
});

test.serial('config.capabilities() lists the standard and the extended capabilities', async (t) => {
  await withDevice(t, NVME, ({ config }) => {
    const names = config.capabilities().map((one) => one.name);
    for (const name of ['msix', 'pcie', 'pm']) t.true(names.includes(name), names.join(' '));
    for (const capability of config.capabilities()) {
      t.is(config.read8(capability.offset), capability.id & 0xff);
      t.is(capability.extended, capability.offset >= 0x100);
    }
  });
});

test.serial('an opened device has memory decode enabled and bus mastering disabled', async (t) => {
  await withDevice(t, NVME, ({ config }) => {
    t.is(config.fields('command').memory, 1);
    t.is(config.fields('command').bus_master, 0);
    config.update('command', { bus_master: 1 });
    t.is(config.fields('command').bus_master, 1);
  });
  await withDevice(t, NVME, ({ config }) => {
    t.is(config.fields('command').bus_master, 0);
  });
});

test.serial('BARs report their size as the PCI specification defines', async (t) => {
  await withDevice(t, NVME, (device) => {
    const { config } = device;
    const before = config.read32(0x10);
    config.write32(0x10, 0xffff_ffff);
    const low = config.read32(0x10) & ~0xf;
    t.is(BigInt(-low), device.bar(0).size);
    config.write32(0x10, before);
    t.is(config.read32(0x10), before);
  });
});

test.serial('the vendor id and the device id are read-only', async (t) => {
  await withDevice(t, NVME, ({ config }) => {
    config.write32(0, 0x12345678);
    t.is(config.read16(0), 0x1b36);
  });
});

test.serial('reads of config space with all widths return the same bytes', async (t) => {
  await withDevice(t, NVME, ({ config }) => {
    const block = config.read(0, 64);
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let offset = 0; offset < 64; offset += 4) {
      t.is(config.read32(offset), view.getUint32(offset, true), `dword ${offset}`);
      t.is(config.read16(offset), view.getUint16(offset, true), `word ${offset}`);
      t.is(config.read8(offset + 3), view.getUint8(offset + 3), `byte ${offset + 3}`);
    }
  });
});

test.serial('an access outside of config space throws a RangeError', async (t) => {
  await withDevice(t, NVME, ({ config }) => {
    t.throws(() => config.read32(4096), { instanceOf: RangeError });
    t.throws(() => config.read32(2), { instanceOf: RangeError });
    t.throws(() => config.read(4090, 10), { instanceOf: RangeError });
    t.throws(
      () => {
        config.write8(-1, 0);
      },
      { instanceOf: RangeError },
    );
    t.throws(
      () => {
        config.write8(0x3c, 256);
      },
      { instanceOf: RangeError },
    );
  });
});

test.serial('MSI-X Enable reports the state set by SET_IRQS and ignores writes', async (t) => {
  await withDevice(t, NVME, ({ config, interrupts }) => {
    config.set('msix.control', 0xc000);
    t.is(config.fields('msix.control').enable, 0);
    interrupts.msix.request(0);
    t.is(config.fields('msix.control').enable, 1);
    t.is(config.fields('msix.control').function_mask, 0);
    interrupts.msix.disable();
    t.is(config.fields('msix.control').enable, 0);
  });
});

test.serial('the bit MSI Enable reads 0 while MSI is not active', async (t) => {
  await withDevice(t, EDU, ({ config, interrupts }) => {
    config.update('msi.control', { enable: 1 });
    t.is(config.fields('msi.control').enable, 0);
    interrupts.msi.request(0);
    config.update('msi.control', { enable: 1 });
    t.is(config.fields('msi.control').enable, 1);
  });
});

test.serial('MSI address and data are virtual: a read returns the written value', async (t) => {
  await withDevice(t, EDU, ({ config }) => {
    config.set('msi.address', 0xfee0_0000);
    config.set('msi.data', 0x4041);
    t.is(config.get('msi.address'), 0xfee0_0000);
    t.is(config.get('msi.data'), 0x4041);
  });
});

test.serial('the error for a register of a missing capability names the capability', async (t) => {
  await withDevice(t, EDU, ({ config }) => {
    const error = t.throws(() => config.get('msix.control'), { instanceOf: VfioError });
    t.true(error.message.includes('msix'), error.message);
  });
});
