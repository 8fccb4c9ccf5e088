import test from 'ava';
import { answer, answers } from './lines.js';

const EDU = 'mock:edu';

test('the operations info, region_info and irq_info describe the device', async (t) => {
  t.deepEqual(await answers(EDU, [{ op: 'info' }, { op: 'region_info', index: 0 }]), [
    { ok: true, flags: 3, num_regions: 9, num_irqs: 5 },
    { ok: true, flags: 7, size: 0x100000n, caps: [] },
  ]);
  t.deepEqual(await answer(EDU, { op: 'irq_info', index: 1 }), { ok: true, flags: 9, count: 1 });
  t.deepEqual((await answer('mock:nvme', { op: 'region_info', index: 0 })).caps, [3]);
});

test('an access across the end of a region transfers only the bytes inside the region', async (t) => {
  const end = { region: 0, offset: 0x100000 - 4 };
  t.deepEqual(await answer(EDU, { op: 'read', ...end, length: 16 }), {
    ok: true,
    data: 'ffffffff',
  });
  t.deepEqual(await answer(EDU, { op: 'write', ...end, data: '00'.repeat(16) }), {
    ok: true,
    length: 4,
  });
});

test('a field accepts an integer as a number or as an exact "0x…" string', async (t) => {
  const read = { op: 'read', region: '0x7', offset: 0, length: '0x2' };
  t.deepEqual(await answer(EDU, read), { ok: true, data: '3412' });
  const source = { region: 0, offset: 0x80, width: 8 };
  const written = { op: 'mmio_write', ...source, value: '0xfedcba9876543210' };
  t.deepEqual(await answer(EDU, written, { op: 'mmio_read', ...source }), {
    ok: true,
    value: 0xfedcba9876543210n,
  });
});

test('a read of more data than a string can contain gives ERR_OP', async (t) => {
  const zeros = '00'.repeat(20e6);
  const script = [
    { op: 'buffer', name: 'b', size: 2 ** 29 },
    { op: 'buffer_write', name: 'b', offset: 0, data: zeros },
    { op: 'buffer_read', name: 'b', offset: 0, length: 2 ** 29 },
    { op: 'info' },
  ];
  const [, written, read, info] = await answers(EDU, script);
  t.deepEqual(written, { ok: true });
  t.like(read, { ok: false, code: 'ERR_OP' });
  t.regex(String(read?.message), /536870912 bytes exceed the limit of one answer/);
  t.true(info?.ok);
});

test('a name in the field "fds" creates an eventfd; null and numbers are passed unchanged', async (t) => {
  const enable = { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1 };
  const loopback = { op: 'set_irqs', index: 1, flags: 0x21, start: 0, count: 1 };
  const read = { op: 'eventfd_read', name: 'a' };
  t.deepEqual(await answers(EDU, [{ ...enable, fds: ['a'] }, loopback, loopback, read, read]), [
    { ok: true, result: 0 },
    { ok: true, result: 0 },
    { ok: true, result: 0 },
    { ok: true, value: 2n },
    { ok: true, value: 0n },
  ]);
  t.deepEqual(await answer(EDU, { ...enable, fds: [null] }), { ok: true, result: 0 });
  t.deepEqual(await answer(EDU, { ...enable, fds: [-2] }), { ok: true, result: 0 });
  const failed = { ok: false, code: 'EBADF', syscall: 'VFIO_DEVICE_SET_IRQS' };
  t.deepEqual(await answer(EDU, { ...enable, fds: [99999] }), failed);
});

test('eventfd_read waits 50 ms for a signal', async (t) => {
  const started = performance.now();
  const replies = await answers(EDU, [
    { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1, fds: ['a'] },
    { op: 'eventfd_read', name: 'a' },
  ]);
  t.deepEqual(replies.at(-1), { ok: true, value: 0n });
  t.true(performance.now() - started >= 50);
});

test('the field "argsz" can differ from the size of the data; missing data is zero', async (t) => {
  const set = { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1 };
  t.is((await answer(EDU, { ...set, fds: [] })).code, 'EINVAL');
  t.is((await answer(EDU, { ...set, fds: ['a'], argsz: 20 })).code, 'EINVAL');
  // The kernel reads the zeros as file descriptor 0. File descriptor 0 is not an eventfd.
  t.is((await answer(EDU, { ...set, fds: [], argsz: 24 })).code, 'EINVAL');
  const bool = { op: 'set_irqs', index: 1, flags: 0x22, start: 0, count: 1, argsz: 21 };
  t.true((await answer(EDU, { ...set, fds: ['a'] }, bool)).ok);
});

test('the elements of the field "bools" are passed as bytes', async (t) => {
  const enable = { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1, fds: ['a'] };
  const loopback = { op: 'set_irqs', index: 1, flags: 0x22, start: 0, count: 1 };
  const read = { op: 'eventfd_read', name: 'a' };
  t.is((await answer(EDU, enable, { ...loopback, bools: [2] }, read)).value, 1n);
  t.is((await answer(EDU, enable, { ...loopback, bools: [0] }, read)).value, 0n);
  t.is((await answer(EDU, enable, { ...loopback, bools: [256] })).code, 'ERR_OP');
});

test('the feature operation passes flags and data to the device and returns data', async (t) => {
  t.deepEqual(await answer(EDU, { op: 'feature', flags: 0x60003 }), { ok: true, data: '' });
  t.deepEqual(await answer(EDU, { op: 'feature', flags: 0x50003, data: '00' }), {
    ok: false,
    code: 'EINVAL',
    syscall: 'VFIO_DEVICE_FEATURE',
  });
});

test('a script can write, read and map named buffers', async (t) => {
  const map = { op: 'dma_map', buffer: 'b', buffer_offset: 4096, size: 4096, flags: 3 };
  const replies = await answers(EDU, [
    { op: 'buffer', name: 'b', size: 8192 },
    { op: 'buffer_write', name: 'b', offset: 4096, data: 'c0ffee' },
    { op: 'buffer_read', name: 'b', offset: 4095, length: 5 },
    { ...map, iova: '0x100000' },
    { ...map, iova: '0x100000' },
    { op: 'dma_unmap', iova: 0, size: 0x200000, flags: 0 },
    { op: 'dma_unmap', iova: 0, size: 0x200000, flags: 0 },
  ]);
  t.deepEqual(replies, [
    { ok: true },
    { ok: true },
    { ok: true, data: '00c0ffee00' },
    { ok: true },
    { ok: false, code: 'EEXIST', syscall: 'VFIO_IOMMU_MAP_DMA' },
    { ok: true, size: 4096n },
    { ok: true, size: 0n },
  ]);
  const ranges = (await answer(EDU, { op: 'iova_ranges' })).ranges as [bigint, bigint][];
  t.deepEqual(ranges[0], [0n, 0xfedfffffn]);
});

test('the operation mmio_read reads a mapped register; a region without mmap gives EINVAL', async (t) => {
  const read = { op: 'mmio_read', region: 0, offset: 0, width: 4 };
  t.deepEqual(await answer(EDU, read), { ok: true, value: 0x010000ed });
  const noMapping = { ok: false, code: 'EINVAL', syscall: 'mmap' };
  t.deepEqual(await answer(EDU, { ...read, region: 7 }), noMapping);
  t.deepEqual(await answer(EDU, { ...read, region: 3 }), noMapping);
});

test('an invalid line gives ERR_OP with a message, and the next lines still run', async (t) => {
  const wrong: unknown[] = [
    'nonsense',
    '[]',
    'null',
    '{}',
    { op: 'fly' },
    { op: 'constructor' },
    { op: 'reset', now: true },
    { op: 'read', region: 7, offset: 0 },
    { op: 'read', region: 7, offset: 0, lenght: 4, length: 4 },
    { op: 'read', region: 7, offset: -1, length: 4 },
    { op: 'read', region: 7, offset: 2 ** 53, length: 4 },
    { op: 'read', region: 7, offset: '12', length: 4 },
    { op: 'read', region: 7, offset: 0.5, length: 4 },
    { op: 'read', region: 2 ** 32, offset: 0, length: 4 },
    { op: 'write', region: 7, offset: 4, data: '0' },
    { op: 'irq_info', index: '0x100000000' },
    { op: 'eventfd_read', name: 'nobody' },
    { op: 'buffer', name: 'empty', size: 0 },
    { op: 'buffer_read', name: 'nobody', offset: 0, length: 1 },
    { op: 'set_irqs', index: 0, flags: 1, start: 0, count: 0, fds: [], bools: [] },
    { op: 'set_irqs', index: 0, flags: 4, start: 0, count: 1, fds: [2 ** 31] },
    { op: 'set_irqs', index: 0, flags: 4, start: 0, count: 1, fds: [true] },
    { op: 'mmio_read', region: 0, offset: 0, width: 3 },
    { op: 'mmio_read', region: 0, offset: 2, width: 4 },
    { op: 'mmio_read', region: 0, offset: 0x100000, width: 4 },
    { op: 'mmio_write', region: 0, offset: 4, width: 1, value: 0x100 },
    { op: 'mmio_write', region: 0, offset: 4, width: 4, value: '0x100000000' },
    { op: 'mmio_write', region: 0, offset: 0x80, width: 8, value: '0x10000000000000000' },
    { op: 'dma_map', buffer: 'nobody', buffer_offset: 0, iova: 0, size: 4096, flags: 3 },
    { op: 'dma_unmap', iova: '0x10000000000000000', size: 0, flags: 0 },
    { op: 'dma_map', buffer: 'b', buffer_offset: 0, iova: 0, size: 8192, flags: 3 },
    { op: 'sleep', ms: 2 ** 31 },
  ];
  const buffer = { op: 'buffer', name: 'b', size: 4096 };
  const [made, ...replies] = await answers(EDU, [buffer, ...wrong, { op: 'info' }]);
  t.true(made?.ok);
  for (const [i, reply] of replies.slice(0, -1).entries()) {
    t.like(reply, { ok: false, code: 'ERR_OP' }, JSON.stringify(wrong[i]));
    t.is(typeof reply.message, 'string');
  }
  t.true(replies.at(-1)?.ok);
});

test('`vfio run` passes extreme values to the device without a check', async (t) => {
  t.is((await answer(EDU, { op: 'irq_info', index: 0xffffffff })).code, 'EINVAL');
  t.is((await answer(EDU, { op: 'feature', flags: 0xffffffff })).code, 'EINVAL');
  t.is((await answer(EDU, { op: 'read', region: 7, offset: 256, length: 1 })).code, 'EFAULT');
});
