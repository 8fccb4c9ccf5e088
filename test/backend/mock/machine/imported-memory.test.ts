import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../../../lib/checks.js';
import { openDeviceSync, VfioError } from 'vfio/mock';

const IOVA = 0x4000_0000n;

function open(t: ExecutionContext, name: string) {
  const device = openDeviceSync(name);
  t.teardown(() => {
    device.close();
  });
  return device;
}

/** Opens a file that is deleted at once. */
function openFile(t: ExecutionContext, folder: string, size: number): number {
  const path = `${folder}/vfio-imported-${process.pid}-${process.hrtime.bigint()}`;
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  ftruncateSync(fd, size);
  t.teardown(() => {
    closeSync(fd);
  });
  return fd;
}

const HINTS = {
  ENOTSUP: /via: 'cdev'.*\{ fd, offset, size \}/,
  ENOTTY: /needs Linux 6\.13 for a memfd/,
};

test('IOMMU_IOAS_MAP_FILE exists on 7.2 by character device', (t) => {
  const fd = openFile(t, '/dev/shm', PAGE_SIZE);
  for (const [settings, code] of [
    ['kernel=6.1', 'ENOTSUP'],
    ['kernel=6.12', 'ENOTSUP'],
    ['kernel=7.2', 'ENOTSUP'],
    ['kernel=6.12&via=cdev', 'ENOTTY'],
    ['kernel=7.2&via=cdev', null],
    ['kernel=7.3&via=cdev', null],
  ] as const) {
    const { dma } = open(t, `mock:edu#${settings.length}${code ?? ''}?${settings}`);
    const map = () => dma.mapSync({ memfd: fd, size: PAGE_SIZE });
    if (code === null) {
      t.notThrows(map, settings);
      continue;
    }
    const error = t.throws(map, { instanceOf: VfioError, code }, settings);
    t.regex(error.hint ?? '', HINTS[code], 'the mock has the hints of the kernel back end');
  }
});

test('a mapping of a file has the errno of the kernel, in the order of the kernel', (t) => {
  const device = open(t, 'mock:edu#errno?via=cdev');
  const space = device.connection.addressSpace;
  const memory = openFile(t, '/dev/shm', PAGE_SIZE);
  const disk = openFile(t, '.', PAGE_SIZE);
  using one = device.bar(0).exportDmaBuf([{ offset: 0, length: PAGE_SIZE }]);
  const parts = [0, PAGE_SIZE].map((offset) => ({ offset, length: PAGE_SIZE }));
  using two = device.bar(0).exportDmaBuf(parts);
  const map = (fd: number, size = PAGE_SIZE, iova = IOVA, flags = 3, offset = 0) => {
    space.mapSync(space.importFile(fd, offset, 2 * PAGE_SIZE), 0, BigInt(size), iova, flags);
  };
  const fails = (code: string, ...args: Parameters<typeof map>) => {
    t.throws(
      () => {
        map(...args);
      },
      { instanceOf: VfioError, code },
    );
  };
  map(memory);
  fails('EEXIST', memory);
  fails('EEXIST', disk);
  fails('EINVAL', disk, PAGE_SIZE, IOVA + BigInt(PAGE_SIZE));
  fails('EINVAL', memory, 2 * PAGE_SIZE, IOVA + BigInt(PAGE_SIZE));
  fails('EEXIST', one.fd);
  fails('ENOTSUP', two.fd);
  fails('EINVAL', one.fd, 2 * PAGE_SIZE);
  fails('EINVAL', one.fd, PAGE_SIZE, IOVA, 3, PAGE_SIZE);
  for (const fd of [memory, one.fd]) {
    fails('EINVAL', fd, PAGE_SIZE, IOVA, 0);
    fails('EINVAL', fd, 0);
    fails('EINVAL', fd, PAGE_SIZE, IOVA + 0x800n);
    fails('EINVAL', fd, PAGE_SIZE, 0xfee0_0000n);
    fails('EOVERFLOW', fd, PAGE_SIZE, 2n ** 64n - 1n);
  }
  device.config.update('command', { memory: 0 });
  fails('ENODEV', one.fd);
  fails('ENODEV', two.fd);
});

test('a dma-buf is revoked in D3hot, in low power, by a reset and by the close', (t) => {
  const exporter = open(t, 'mock:nvme#revoked?via=cdev');
  const importer = open(t, 'mock:edu#revoked?via=cdev');
  const dmabuf = exporter.bar(0).exportDmaBuf([{ offset: 0, length: PAGE_SIZE }]);
  const other = openSync(`/proc/self/fd/${dmabuf.fd}`, 'r+');
  t.teardown(() => {
    closeSync(other);
  });
  const map = () => importer.dma.mapSync({ dmabuf: other, size: PAGE_SIZE });
  const isRevoked = () => {
    t.throws(map, { instanceOf: VfioError, code: 'ENODEV' });
  };
  map().free();
  const pm = exporter.config.find('pm');
  if (pm !== undefined) {
    exporter.config.write16(pm.offset + 4, 3);
    isRevoked();
    exporter.config.write16(pm.offset + 4, 0);
    map().free();
  }
  exporter.features.enterLowPower();
  isRevoked();
  exporter.features.exitLowPower();
  map().free();
  exporter.resetSync();
  map().free();
  exporter.close();
  isRevoked();
});
