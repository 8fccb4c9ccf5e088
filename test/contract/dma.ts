import test from 'ava';
import { VfioError } from 'vfio';
import { EDU, EDU_BUFFER, enable, NVME, transfer, withDevice } from './targets.js';
import { PAGE_SIZE } from '../../lib/checks.js';

test.serial('the device reads and writes mapped memory', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    using source = await device.dma.allocate(4096);
    using target = await device.dma.allocate(4096);
    source.bytes.forEach((_, at) => (source.bytes[at] = at * 7));
    await transfer(device, vector, source.iova, EDU_BUFFER, 1000);
    await transfer(device, vector, EDU_BUFFER, target.iova, 1000);
    t.deepEqual(target.bytes.subarray(0, 1000), source.bytes.subarray(0, 1000));
    t.deepEqual([...target.bytes.subarray(1000, 1010)], new Array(10).fill(0));
  });
});

test.serial('the device reads memory that is mapped read-only', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    using target = await device.dma.allocate(4096, { access: 'write' });
    using source = await device.dma.allocate(4096, { access: 'read' });
    source.bytes.fill(1);
    await transfer(device, vector, source.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.deepEqual([...target.bytes.subarray(0, 64)], new Array(64).fill(1));
  });
});

test.serial('allocated memory is zeroed, page-aligned and in the usable IOVA ranges', async (t) => {
  await withDevice(t, NVME, async ({ dma }) => {
    using buffer = await dma.allocate(5000);
    t.is(buffer.size % PAGE_SIZE, 0);
    t.true(buffer.size >= 5000);
    t.true(buffer.bytes.every((byte) => byte === 0));
    const end = buffer.iova + BigInt(buffer.size) - 1n;
    t.true(dma.ranges().some((range) => range.start <= buffer.iova && end <= range.end));
    t.true(buffer.iova > 0n);
  });
});

test.serial('a buffer can have a given IOVA, and a second buffer at this IOVA fails', async (t) => {
  await withDevice(t, NVME, ({ dma }) => {
    using buffer = dma.allocateSync(2 * PAGE_SIZE, { iova: 0x10_0000n });
    t.is(buffer.iova, 0x10_0000n);
    t.throws(() => dma.allocateSync(4096, { iova: 0x10_0000n + BigInt(PAGE_SIZE) }), {
      instanceOf: VfioError,
      code: 'EEXIST',
    });
    buffer.free();
    dma.allocateSync(4096, { iova: 0x10_0000n + BigInt(PAGE_SIZE) }).free();
  });
});

test.serial('dma.unmap() returns the number of unmapped bytes', async (t) => {
  await withDevice(t, NVME, ({ dma }) => {
    const one = dma.allocateSync(PAGE_SIZE);
    dma.allocateSync(2 * PAGE_SIZE);
    t.is(dma.unmap(one.iova, PAGE_SIZE), BigInt(PAGE_SIZE));
    t.is(dma.unmapAll(), BigInt(2 * PAGE_SIZE));
    t.is(dma.unmapAll(), 0n);
    t.is(dma.mapped, 0);
  });
});

test.serial('a mapping outside of the usable IOVA ranges is refused', async (t) => {
  await withDevice(t, NVME, ({ dma }) => {
    // The addresses of interrupt messages: 0xfee0_0000 on x86, and 0x800_0000 on arm64.
    const [first] = dma.ranges();
    const reserved = (first?.end ?? 0n) + 1n;
    t.throws(() => dma.allocateSync(4096, { iova: reserved }), { instanceOf: RangeError });
    t.throws(() => dma.allocateSync(4096, { iova: 123n }), { instanceOf: RangeError });
    t.is(dma.mapped, 0);
  });
});

test.serial('map() refuses a size that is not a multiple of the page size', async (t) => {
  await withDevice(t, NVME, ({ dma }) => {
    const odd = new SharedArrayBuffer(5000, { maxByteLength: 5000 });
    t.throws(() => dma.mapSync(odd), { instanceOf: RangeError });
    t.throws(() => dma.allocateSync(0), { instanceOf: RangeError });
    t.throws(() => dma.allocateSync(1.5), { instanceOf: RangeError });
  });
});

test.serial('a freed buffer is detached, and a second free() does nothing', async (t) => {
  await withDevice(t, NVME, ({ dma }) => {
    const buffer = dma.allocateSync(4096);
    const { bytes } = buffer;
    buffer.free();
    buffer.free();
    t.is(bytes.length, 0);
    t.is(dma.mapped, 0);
  });
});
