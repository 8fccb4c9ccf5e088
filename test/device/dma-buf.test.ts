import { closeSync, fstatSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { openFake } from './fake.js';

/** BAR 0 has 16 KiB. */
const openWithBar = () =>
  openFake((connection) => {
    connection.regions = [{ size: 0x4000n, flags: 7 }];
  });

const GET_DMA_BUF = 'feature 0x1000b';

/** Opens a fake device whose feature calls return a new descriptor. */
function openExporting() {
  const fake = openWithBar();
  const { connection } = fake;
  const descriptors: number[] = [];
  const feature = connection.feature.bind(connection);
  connection.feature = (flags, data, eventfd) => {
    feature(flags, data, eventfd);
    const fd = openSync(devNull, 'r');
    descriptors.push(fd);
    return fd;
  };
  return { ...fake, descriptors };
}

const isOpen = (fd: number | undefined) => {
  try {
    fstatSync(fd ?? -1);
    return true;
  } catch {
    return false;
  }
};

test('exportDmaBuf() passes the ranges to the kernel as struct vfio_device_feature_dma_buf', (t) => {
  const { device, script } = openExporting();
  script.take();
  const dmabuf = device.bar(0).exportDmaBuf([
    { offset: 4096, length: 8192 },
    { offset: 0, length: 4096 },
  ]);
  t.is(dmabuf.size, 12288);
  const call = script.take().at(-1);
  const closeOnExec = [2, 0, 8, 0];
  const header = [...[0, 0, 0, 0], ...closeOnExec, ...[0, 0, 0, 0], ...[2, 0, 0, 0]];
  const u64 = (value: number) => [value & 0xff, value >> 8, 0, 0, 0, 0, 0, 0];
  const ranges = [4096, 8192, 0, 4096].flatMap(u64);
  t.is(call, `${GET_DMA_BUF} [${[...header, ...ranges].join()}]`);
  device.close();
});

test('the descriptor is closed once: by close(), by using, or by the close of the device', (t) => {
  const { device, descriptors } = openExporting();
  const bar = device.bar(0);
  const first = bar.exportDmaBuf([{ offset: 0, length: 4096 }]);
  t.true(descriptors.includes(first.fd));
  first.close();
  t.false(isOpen(descriptors[0]));
  const other = openSync(devNull, 'r');
  first.close();
  t.true(isOpen(other), 'a second close() closes no other file');
  closeSync(other);
  {
    using second = bar.exportDmaBuf([{ offset: 0, length: 4096 }]);
    t.true(isOpen(second.fd));
  }
  t.false(isOpen(descriptors[1]));
  const last = bar.exportDmaBuf([{ offset: 0, length: 4096 }]);
  device.close();
  t.false(isOpen(descriptors[2]));
  t.throws(() => last.fd, { instanceOf: VfioError, code: 'EBADF' });
});

test('an export that fails has a hint', (t) => {
  const { device: without } = openFake();
  t.throws(() => without.bar(0).exportDmaBuf(), { instanceOf: VfioError, code: 'ENODEV' });
  for (const [code, hint] of [
    ['ENOTTY', /Linux 6.19/],
    ['ENOTSUP', /vfio-pci exports BARs/],
    ['ENODEV', /BARs 0 to 5/],
  ] as const) {
    const { device, script } = openWithBar();
    script.fail('feature', new VfioError({ code }));
    const failed = () => device.bar(0).exportDmaBuf([{ offset: 0, length: 4096 }]);
    const error = t.throws(failed, { instanceOf: VfioError, code });
    t.regex(error.hint ?? '', hint);
  }
});

test('features.get() closes a descriptor that a feature returns, and fails', (t) => {
  const { device, descriptors } = openExporting();
  const error = t.throws(() => device.features.get(11, 32), { instanceOf: VfioError });
  t.like(error, {
    code: 'EINVAL',
    message: /returns a file descriptor/.exec(error.message)?.input,
  });
  t.regex(error.hint ?? '', /exportDmaBuf/);
  t.is(descriptors.length, 1);
  t.false(isOpen(descriptors[0]));
});

test('map() imports a dma-buf by its descriptor, and frees the mapping before the memory', (t) => {
  const { device, script } = openExporting();
  const dmabuf = device.bar(0).exportDmaBuf([{ offset: 0, length: 8192 }]);
  script.take();
  const range = device.dma.mapSync({ dmabuf, offset: 4096 }, { access: 'read' });
  t.deepEqual([range.size, range.access, range.mapped], [4096, 'read', true]);
  const calls = script.take().join('\n');
  t.regex(calls, new RegExp(`importFile ${dmabuf.fd} 4096 4096`));
  range.free();
  t.regex(script.take().join('\n'), /unmap[^]*memory.release/);
  t.throws(() => device.dma.mapSync({ dmabuf, size: 16384 }), { instanceOf: RangeError });
  t.throws(() => device.dma.mapSync({ dmabuf: 5 } as never), { instanceOf: TypeError });
  t.throws(() => device.dma.mapSync({ memfd: '5', size: 4096 } as never), {
    instanceOf: TypeError,
  });
  t.throws(() => device.dma.mapSync({ memfd: 5, sise: 4096 } as never), { instanceOf: TypeError });
  dmabuf.close();
  t.throws(() => device.dma.mapSync({ dmabuf }), { instanceOf: VfioError, code: 'EBADF' });
});
