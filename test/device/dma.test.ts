import { constants } from 'node:buffer';
import test from 'ava';
import { createDevice } from '../../lib/device/device.js';
import { VfioError } from '../../lib/errors.js';
import { openDeviceSync } from '../../lib/mock.js';
import { FakeConnection, openFake } from './fake.js';
import { FakeAddressSpace } from './fake-memory.js';
import { Script } from './fake-script.js';

const MIB = 2 ** 20;

test('allocate() maps new memory at the lowest free IOVA above 0', async (t) => {
  const { device, script } = openFake();
  const buffer = await device.dma.allocate(5000);
  t.deepEqual(script.take(), ['ranges', 'allocate 8192 false', 'map 0x1000 8192 flags=3 offset=0']);
  t.like(buffer, { iova: 0x1000n, size: 8192, access: 'read-write', mapped: true });
  t.is(buffer.bytes.length, 8192);
  t.is(buffer.bytes.buffer, buffer.buffer);
  t.is(device.dma.mapped, 8192);
  const next = device.dma.allocateSync(1);
  t.is(next.iova, 0x3000n);
  t.is(device.dma.mapped, 12288);
  t.is(device.dma.pageSize, 4096);
  t.deepEqual(device.dma.ranges(), [{ start: 0n, end: 0xfedf_ffffn }]);
});

test('the option `access` sets the flags of the mapping', (t) => {
  const { device, script } = openFake();
  device.dma.allocateSync(1, { access: 'read' });
  device.dma.allocateSync(1, { access: 'write' });
  const flags = script.take().filter((call) => call.startsWith('map'));
  t.deepEqual(flags, ['map 0x1000 4096 flags=1 offset=0', 'map 0x2000 4096 flags=2 offset=0']);
});

test('with huge pages, the size and the IOVA are multiples of the huge page size', (t) => {
  const { device, script } = openFake();
  t.is(device.dma.allocateSync(5 * MIB, { hugePages: true }).iova, 0x20_0000n);
  const large = device.dma.allocateSync(3 * MIB, { hugePages: '2M' });
  t.like(large, { size: 4 * MIB, iova: 0x80_0000n });
  t.is(device.dma.allocateSync(1, { hugePages: '1G' }).iova, 0x4000_0000n);
  const allocated = script.take().filter((call) => call.startsWith('allocate'));
  t.deepEqual(allocated, [
    `allocate ${5 * MIB} true`,
    `allocate ${4 * MIB} 2M`,
    `allocate ${1024 * MIB} 1G`,
  ]);
  t.is(
    device.dma.mapSync({ fd: 3, size: 4096 }, { hugePages: '2M' }).iova,
    0x70_0000n + 0x50_0000n,
  );
});

test('the option `iova` selects the IOVA, and an IOVA that is in use is refused', async (t) => {
  const { device, script } = openFake();
  t.is((await device.dma.allocate(4096, { iova: 0n })).iova, 0n);
  t.is(device.dma.allocateSync(4096, { iova: 0xfedf_f000n }).iova, 0xfedf_f000n);
  script.take();
  const taken = t.throws(() => device.dma.allocateSync(8192, { iova: 0xfedf_e000n }));
  t.like(taken, { code: 'EEXIST' });
  t.throws(() => device.dma.allocateSync(8192, { iova: 0xfedf_f000n }), {
    instanceOf: RangeError,
    message: /outside the IOVA ranges 0x0-0xfedfffff/,
  });
  t.deepEqual(script.take(), ['ranges']);
});

test('map() maps a SharedArrayBuffer and a file', async (t) => {
  const { device, script } = openFake();
  const shared = new SharedArrayBuffer(8192);
  const buffer = await device.dma.map(shared, { access: 'read' });
  t.is(buffer.buffer, shared);
  device.dma.mapSync({ fd: 7, offset: 4096, size: 8192 });
  t.deepEqual(script.take(), [
    'ranges',
    'fromShared 8192',
    'map 0x1000 8192 flags=1 offset=0',
    'fromFd 7 4096 8192 true',
    'map 0x3000 8192 flags=3 offset=0',
  ]);
});

test('wrong arguments are refused before any call to the back end', async (t) => {
  const { device, script } = openFake();
  const { dma } = device;
  for (const size of [0, -1, 2 ** 53]) {
    t.throws(() => dma.allocateSync(size), { instanceOf: RangeError });
  }
  await t.throwsAsync(dma.allocate(1.5), { instanceOf: RangeError });
  await t.throwsAsync(dma.allocate(4096n as never), { instanceOf: TypeError });
  t.throws(() => dma.allocateSync(1, { access: 'rw' as never }), { instanceOf: TypeError });
  t.throws(() => dma.allocateSync(1, { hugePages: '4K' as never }), { instanceOf: TypeError });
  t.throws(() => dma.allocateSync(1, { iova: 4096 as never }), { instanceOf: TypeError });
  t.throws(() => dma.allocateSync(1, { iova: 100n }), { instanceOf: RangeError });
  t.throws(() => dma.allocateSync(1, { iova: -4096n }), { instanceOf: RangeError });
  t.throws(() => dma.allocateSync(1, { iova: 1n << 64n }), { instanceOf: RangeError });
  for (const bytes of [0, 100, 4097]) {
    await t.throwsAsync(dma.map(new SharedArrayBuffer(bytes)), { instanceOf: RangeError });
  }
  for (const file of [
    { size: 100 },
    { size: 0 },
    { offset: 1, size: 4096 },
    { offset: -4096, size: 4096 },
  ]) {
    t.throws(() => dma.mapSync({ fd: 3, ...file }), { instanceOf: RangeError });
  }
  t.throws(() => dma.mapSync({ fd: -1, size: 4096 }), { instanceOf: RangeError });
  for (const source of [Buffer.alloc(4096), new ArrayBuffer(4096), null, 3, { size: 4096 }]) {
    t.throws(() => dma.mapSync(source as never), { instanceOf: TypeError });
  }
  t.deepEqual(script.take(), []);
});

test('memory above the largest buffer of Node is refused with the bound and a hint', async (t) => {
  const largest = Math.min(constants.MAX_LENGTH, 2 ** 52);
  const size = largest + 4096;
  const { device, script } = openFake();
  const refused = {
    instanceOf: RangeError,
    message: new RegExp(`^size ${size} exceeds ${largest} bytes.*: use several buffers$`),
  };
  await t.throwsAsync(device.dma.allocate(size), refused);
  t.throws(() => device.dma.mapSync({ fd: 0, size }), refused);
  t.deepEqual(
    script.take().filter((call) => !call.startsWith('ranges')),
    [],
  );
  using mock = openDeviceSync('mock:edu');
  const { addressSpace } = mock.connection;
  t.throws(() => addressSpace.allocate(size, false), refused);
  t.throws(() => addressSpace.fromFd(0, 0, size, true), refused);
});

test('free() unmaps the buffer and then releases the memory; a second call has no effect', (t) => {
  const { device, script, space } = openFake();
  const buffer = device.dma.allocateSync(4096);
  const { bytes } = buffer;
  script.take();
  buffer.free();
  buffer.free();
  buffer[Symbol.dispose]();
  t.deepEqual(script.take(), ['unmap 0x1000 4096 flags=0', 'memory.release 4096']);
  t.false(buffer.mapped);
  t.is(bytes.length, 0);
  for (const use of [() => buffer.bytes, () => buffer.buffer]) {
    const error = t.throws(use, { instanceOf: VfioError });
    t.is(error.message, "EBADF: the DMA buffer is freed 'fake:device'");
    t.is(error.hint, undefined);
  }
  t.is(device.dma.mapped, 0);
  t.is(space.mapped.size, 0);
  t.is(device.dma.allocateSync(4096).iova, 0x1000n);
});

test('if unmapping fails, the memory stays allocated and free() can be called again', (t) => {
  const { device, script, space } = openFake();
  const buffer = device.dma.allocateSync(4096);
  script.fail('unmap');
  t.throws(
    () => {
      buffer.free();
    },
    { code: 'EIO' },
  );
  t.false(space.memories[0]?.released);
  t.true(buffer.mapped);
  t.is(device.dma.allocateSync(4096).iova, 0x2000n);
  buffer.free();
  t.true(space.memories[0]?.released);
});

test('if a mapping fails, the memory and the IOVA are released', async (t) => {
  const { device, script, space } = openFake();
  for (const kind of ['map', 'allocate']) {
    script.fail(kind, new VfioError({ code: 'ENOMEM' }));
    await t.throwsAsync(device.dma.allocate(4096), { code: 'ENOMEM' });
    script.fail(kind, new VfioError({ code: 'ENOMEM' }));
    t.throws(() => device.dma.allocateSync(4096), { code: 'ENOMEM' });
  }
  t.is(space.memories.length, 2);
  t.true(space.memories.every(({ released }) => released));
  t.is(device.dma.mapped, 0);
  t.is(device.dma.allocateSync(4096).iova, 0x1000n);
});

test('ENOSPC: no address is free; ENOTSUP: the device has no IOVA ranges', async (t) => {
  const { device, script, space } = openFake();
  space.usable = [{ start: 0n, end: 0x3fffn }];
  await t.throwsAsync(device.dma.allocate(0x4000), {
    code: 'ENOSPC',
    message: /0x4000 bytes free/,
  });
  t.deepEqual(script.take(), ['ranges']);
  const none = openFake(({ addressSpace }) => {
    addressSpace.usable = [];
  });
  t.throws(() => none.device.dma.allocateSync(1), { code: 'ENOTSUP' });
  t.throws(() => none.device.dma.allocateSync(1, { iova: 0n }), { code: 'ENOTSUP' });
});

test('concurrent calls of allocate() return buffers with different IOVAs', async (t) => {
  const { device } = openFake();
  const buffers = await Promise.all([1, 2, 3].map(() => device.dma.allocate(4096)));
  t.deepEqual(
    buffers.map(({ iova }) => iova),
    [0x1000n, 0x2000n, 0x3000n],
  );
});

test('unmap() does not release the memory of a buffer', (t) => {
  const { device, script, space } = openFake();
  const [a, b, c] = [1, 2, 3].map(() => device.dma.allocateSync(4096));
  script.take();
  t.is(device.dma.unmap(0x1000n, 0x2000), 0x2000n);
  t.deepEqual(script.take(), ['unmap 0x1000 8192 flags=0']);
  t.deepEqual(
    [a, b, c].map((buffer) => buffer?.mapped),
    [false, false, true],
  );
  t.is(a?.bytes.length, 4096);
  t.is(device.dma.mapped, 4096);
  a?.free();
  t.deepEqual(script.take(), ['memory.release 4096']);
  t.is(device.dma.allocateSync(8192).iova, 0x1000n);
  t.is(space.memories.filter(({ released }) => released).length, 1);
});

test('unmap() refuses a range that contains only a part of a buffer or of a page', (t) => {
  const { device, script } = openFake();
  device.dma.allocateSync(0x3000);
  script.take();
  for (const [iova, size] of [
    [0x2000n, 0x4000],
    [0x0n, 0x2000],
    [0x2000n, 0x1000],
    [0x1000n, 0],
    [0x1000n, 100],
    [0x1001n, 4096],
    [1n << 64n, 4096],
  ] as const) {
    t.throws(() => device.dma.unmap(iova, size), { instanceOf: RangeError });
  }
  t.throws(() => device.dma.unmap(0x1000 as never, 4096), { instanceOf: TypeError });
  t.deepEqual(script.take(), []);
});

test('unmapAll() unmaps only the buffers of its own device', (t) => {
  const space = new FakeAddressSpace(new Script());
  const one = createDevice(new FakeConnection(space));
  const other = createDevice(new FakeConnection(space));
  const a = one.dma.allocateSync(4096);
  const b = other.dma.allocateSync(4096);
  const c = one.dma.allocateSync(8192);
  t.deepEqual([a.iova, b.iova, c.iova], [0x1000n, 0x2000n, 0x3000n]);
  t.is(one.dma.unmapAll(), 12288n);
  t.is(one.dma.unmapAll(), 0n);
  t.deepEqual([...space.mapped], [[0x2000n, 4096n]]);
  t.deepEqual([a.mapped, b.mapped, c.mapped], [false, true, false]);
  t.is(other.dma.allocateSync(4096).iova, 0x1000n);
});

test('unmap() gives EBUSY while memory is being mapped in its range', async (t) => {
  const { device, space } = openFake();
  space.gated = true;
  const pending = device.dma.allocate(4096);
  t.throws(() => device.dma.unmap(0x1000n, 4096), { code: 'EBUSY' });
  t.throws(() => device.dma.unmapAll(), { code: 'EBUSY' });
  t.is(device.dma.unmap(0x2000n, 4096), 0n);
  space.gates[0]?.();
  const buffer = await pending;
  t.is(device.dma.unmapAll(), 4096n);
  t.false(buffer.mapped);
});

test('if the device is closed during allocate(), the memory is released', async (t) => {
  const { device, script, space } = openFake();
  space.gated = true;
  const pending = device.dma.allocate(4096);
  device.close();
  t.false(space.memories[0]?.released);
  script.take();
  space.gates[0]?.();
  await t.throwsAsync(pending, { code: 'EBADF' });
  t.true(space.memories[0]?.released);
  t.deepEqual(script.take(), ['map 0x1000 4096 flags=3 offset=0', 'memory.release 4096']);
});

test('if the device is closed during allocate(), the new mapping is unmapped', async (t) => {
  const space = new FakeAddressSpace(new Script());
  const device = createDevice(new FakeConnection(space));
  space.gated = true;
  const pending = device.dma.allocate(4096);
  device.close();
  space.gates[0]?.();
  await t.throwsAsync(pending, { code: 'EBADF' });
  t.is(space.mapped.size, 0);
  t.true(space.memories[0]?.released);
});
