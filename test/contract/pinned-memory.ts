// Memory of the process that is in no file. The kernel pins such memory; a server cannot map it.
import test from 'ava';
import { EDU, EDU_BUFFER, enable, transfer, withDevice } from './targets.js';
import { PAGE_SIZE } from '../../lib/checks.js';

test.serial('a page-aligned SharedArrayBuffer can be mapped', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    const shared = new SharedArrayBuffer(2 * PAGE_SIZE, { maxByteLength: 2 * PAGE_SIZE });
    using memory = await device.dma.map(shared);
    new Uint8Array(shared).fill(0xa5, 0, PAGE_SIZE);
    await transfer(device, vector, memory.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, memory.iova + BigInt(PAGE_SIZE), 64);
    t.deepEqual([...new Uint8Array(shared, PAGE_SIZE, 64)], new Array(64).fill(0xa5));
  });
});

test.serial('the device reads a SharedArrayBuffer that is mapped read-only', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    const shared = new SharedArrayBuffer(PAGE_SIZE, { maxByteLength: PAGE_SIZE });
    using target = await device.dma.allocate(4096, { access: 'write' });
    using source = await device.dma.map(shared, { access: 'read' });
    new Uint8Array(shared).fill(2);
    await transfer(device, vector, source.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.deepEqual([...target.bytes.subarray(0, 64)], new Array(64).fill(2));
  });
});
