import test from 'ava';
import { findDemo } from '../../lib/demo/index.js';
import { VfioError } from 'vfio';
import { EDU, enable, NVME, withDevice } from './targets.js';

test.serial('each vector has its own MSI-X message in the mapped table', async (t) => {
  await withDevice(t, NVME, ({ dma, interrupts, messages }) => {
    t.deepEqual(messages.support.msix, { method: 'msix-table', ready: true, reason: null });
    const early = t.throws(() => messages.read('msix', 0), { instanceOf: VfioError });
    t.is(early.code, 'ENODATA');
    interrupts.msix.request(0);
    interrupts.msix.request(9);
    const [zero, nine] = [messages.read('msix', 0), messages.read('msix', 9)];
    t.log(`0x${zero.address.toString(16)} / 0x${zero.data.toString(16)}`);
    for (const message of [zero, nine]) {
      t.like(message, { method: 'msix-table', remapped: true });
      // The IOMMU reserves the addresses of messages, so DMA memory cannot have such an address.
      const isUsable = dma
        .ranges()
        .some(({ start, end }) => start <= message.address && message.address <= end);
      t.false(isUsable);
    }
    t.notDeepEqual(zero, nine);
    t.deepEqual(messages.read('msix', 0), zero);
  });
});

test.serial(
  'a vector keeps its message after a mask, after a new request and after a device reset',
  async (t) => {
    await withDevice(t, NVME, async (device) => {
      const { interrupts, messages } = device;
      interrupts.msix.request(0);
      const before = messages.read('msix', 0);
      await device.reset();
      t.deepEqual(messages.read('msix', 0), before);
      interrupts.msix.vector(0)?.close();
      t.throws(() => messages.read('msix', 0), { instanceOf: VfioError, code: 'ENODATA' });
      const vector = interrupts.msix.request(0);
      t.is(messages.read('msix', 0).remapped, true);
      vector.trigger();
      await vector.next();
    });
  },
);

test.serial(
  'an MSI message can be read with MSI_NOVIRT; without MSI_NOVIRT, the error has a hint',
  async (t) => {
    await withDevice(t, EDU, (device) => {
      enable(device);
      const { config, interrupts, messages } = device;
      const { state } = messages.novirt;
      t.log(`MSI_NOVIRT is ${state}`);
      config.set('msi.data', 0x4041);
      interrupts.msi.request(0);
      const error = t.throws(() => messages.read('msi', 0), { instanceOf: VfioError });
      t.is(error.code, 'ENOTSUP');
      t.truthy(error.hint);
      t.is(config.get('msi.data'), 0x4041);
      if (state === 'absent') {
        t.truthy(messages.support.msi.reason);
        return;
      }
      messages.novirt.enable();
      t.like(messages.read('msi', 0), { method: 'novirt', remapped: true });
      t.not(config.get('msi.address'), 0xfee0_0000);
    });
  },
);

test.serial(
  'the demo sends the physical message, or reports that the message cannot be read',
  async (t) => {
    await withDevice(t, EDU, async (device) => {
      const { ok, data } = await (await findDemo(device))(device);
      t.true(ok);
      t.like(data, { virtual: { address: '0xfee00000', data: 0x4041 } });
      const { road, writes, fired } = data;
      if (road === null) t.like(data, { physical: null, writes: 0, fired: 0 });
      else t.deepEqual([road, writes, fired], ['novirt', 10, 10]);
    });
  },
);
