import test from 'ava';
import { NVME, withDevice } from './targets.js';

const MSIX_TABLE = 0x2000;

test.serial('a mapping of the BAR can include the MSI-X table', async (t) => {
  await withDevice(t, NVME, (device) => {
    t.true(device.bar(0).msixMappable);
  });
});

test.serial('the device file hides the MSI-X table; a mapping returns its contents', async (t) => {
  await withDevice(t, NVME, (device) => {
    t.deepEqual([...device.bar(0).read(MSIX_TABLE, 16)], new Array(16).fill(0xff));
    using window = device.bar(0).map();
    const VECTOR_CONTROL = 12;
    t.is(window.read32(MSIX_TABLE + VECTOR_CONTROL) & 1, 1, 'vectors start masked');
  });
});
