import test from 'ava';
import { NVME, withDevice } from './targets.js';

test.serial('a reset keeps config space and DMA mappings', async (t) => {
  await withDevice(t, NVME, async (device) => {
    device.config.write8(0x3c, 0x42);
    using buffer = device.dma.allocateSync(4096);
    await device.reset();
    device.resetSync();
    t.is(device.config.read8(0x3c), 0x42);
    t.is(device.dma.unmap(buffer.iova, buffer.size), BigInt(buffer.size));
  });
});

test.serial('interrupts survive a reset', async (t) => {
  await withDevice(t, NVME, async (device) => {
    const vector = device.interrupts.msix.request(1);
    await device.reset();
    const next = vector.next();
    vector.trigger();
    t.is(await next, 1n);
  });
});
