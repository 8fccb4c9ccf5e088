import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import test from 'ava';
import { type PciDevice, VfioError } from 'vfio';
import { PAGE_SIZE } from '../../lib/checks.js';
import { EDU, EDU_BUFFER, enable, NVME, transfer, withDevice } from './targets.js';

const DMA_BUF = 11;
/** The register VS of an NVMe controller: the version of the specification. */
const VERSION = 8;
/** What a back end answers that cannot map files. */
const NO_FILES = ['ENOTSUP', 'ENOTTY'];

const exports = (device: PciDevice) => device.features.probe(DMA_BUF).get;

/** Opens a new file on tmpfs that is deleted at once, like a memfd. */
function openMemory(size: number): number {
  const path = `/dev/shm/vfio-test-${process.pid}-${process.hrtime.bigint()}`;
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  ftruncateSync(fd, size);
  return fd;
}

test.serial('exportDmaBuf() works if probe() reports the feature DMA_BUF', async (t) => {
  await withDevice(t, NVME, (device) => {
    const bar = device.bar(0);
    t.throws(() => bar.exportDmaBuf([]), { instanceOf: RangeError });
    t.throws(() => bar.exportDmaBuf([{ offset: 1, length: PAGE_SIZE }]), {
      instanceOf: RangeError,
    });
    const past = [{ offset: 0, length: Number(bar.size) + PAGE_SIZE }];
    t.throws(() => bar.exportDmaBuf(past), { instanceOf: RangeError });
    if (!exports(device)) {
      const error = t.throws(() => bar.exportDmaBuf(), { instanceOf: VfioError });
      t.true(['ENOTTY', 'EINVAL'].includes(error.code));
      t.regex(error.hint ?? '', /Linux 6\.19/);
      return;
    }
    const dmabuf = bar.exportDmaBuf([{ offset: 0, length: PAGE_SIZE }]);
    t.true(dmabuf.fd > 0);
    t.is(dmabuf.size, PAGE_SIZE);
    dmabuf.close();
    dmabuf.close();
    t.throws(() => dmabuf.fd, { instanceOf: VfioError, code: 'EBADF' });
    const config = () => device.region(7).exportDmaBuf([{ offset: 0, length: 0x1000 }]);
    t.throws(config, { instanceOf: VfioError, code: 'ENODEV' });
  });
});

test.serial('features.get() does not return the data of DMA_BUF', async (t) => {
  await withDevice(t, NVME, ({ features }) => {
    const error = t.throws(() => features.get(DMA_BUF, 16), { instanceOf: VfioError });
    t.true(['ENOTTY', 'EINVAL'].includes(error.code));
    t.truthy(error.hint);
  });
});

test.serial('the device reads and writes a memfd that the process does not map', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    const fd = openMemory(2 * PAGE_SIZE);
    try {
      writeSync(fd, Buffer.alloc(64, 7), 0, 64, PAGE_SIZE);
      let range;
      try {
        range = await device.dma.map({ memfd: fd, offset: PAGE_SIZE, size: PAGE_SIZE });
      } catch (error) {
        t.true(error instanceof VfioError && NO_FILES.includes(error.code), String(error));
        t.truthy((error as VfioError).hint);
        return;
      }
      t.deepEqual([range.size, range.mapped], [PAGE_SIZE, true]);
      t.is(device.dma.mapped, PAGE_SIZE);
      await transfer(device, vector, range.iova, EDU_BUFFER, 64);
      await transfer(device, vector, EDU_BUFFER, range.iovaOf(128), 64);
      const bytes = Buffer.alloc(64);
      readSync(fd, bytes, 0, 64, PAGE_SIZE + 128);
      t.deepEqual(bytes, Buffer.alloc(64, 7));
      range.free();
      range.free();
      t.false(range.mapped);
      t.is(device.dma.mapped, 0);
    } finally {
      closeSync(fd);
    }
  });
});

test.serial('map() refuses a descriptor that is not open', async (t) => {
  await withDevice(t, EDU, ({ dma }) => {
    const fd = openMemory(PAGE_SIZE);
    closeSync(fd);
    const error = t.throws(() => dma.mapSync({ memfd: fd, size: PAGE_SIZE }), {
      instanceOf: VfioError,
    });
    t.true(['EBADF', ...NO_FILES].includes(error.code));
    t.throws(() => dma.mapSync({ memfd: 0, size: 100 }), { instanceOf: RangeError });
    t.throws(() => dma.mapSync({ memfd: 0, offset: 1, size: PAGE_SIZE }), {
      instanceOf: RangeError,
    });
  });
});

test.serial('a device reads a register of another device through a dma-buf', async (t) => {
  await withDevice(t, EDU, async (edu) => {
    await withDevice(t, NVME, async (nvme) => {
      if (!exports(nvme)) {
        t.pass();
        return;
      }
      enable(edu);
      nvme.config.update('command', { memory: 1 });
      const registers = nvme.bar(0).map();
      const version = registers.read32(VERSION);
      const dmabuf = nvme.bar(0).exportDmaBuf([{ offset: 0, length: PAGE_SIZE }]);
      const map = () => edu.dma.mapSync({ dmabuf });
      if (edu.via !== 'cdev') {
        const error = t.throws(map, { instanceOf: VfioError, code: 'ENOTSUP' });
        t.regex(error.hint ?? '', /cdev/);
        return;
      }
      const vector = edu.interrupts.msi.request(0);
      using target = await edu.dma.allocate(PAGE_SIZE);
      const words = new Uint32Array(target.buffer);
      const readVersion = async (iova: bigint) => {
        words[0] = 0x5555_5555;
        await transfer(edu, vector, target.iova, EDU_BUFFER, 4);
        await transfer(edu, vector, iova + BigInt(VERSION), EDU_BUFFER, 4);
        await transfer(edu, vector, EDU_BUFFER, target.iova, 4);
        return Atomics.load(words, 0);
      };
      const range = map();
      t.is(await readVersion(range.iova), version);

      nvme.config.update('command', { memory: 0 });
      t.throws(map, { instanceOf: VfioError, code: 'ENODEV' }, 'memory decode is off');
      nvme.config.update('command', { memory: 1 });
      t.not(await readVersion(range.iova), version, 'the dma-buf was revoked');
      t.true(range.mapped);
      range.free();

      const again = map();
      t.is(await readVersion(again.iova), version);
      await nvme.reset();
      nvme.config.update('command', { memory: 1 });
      t.not(await readVersion(again.iova), version, 'a reset revokes the dma-buf');

      const two = [0, 0].map((offset) => ({ offset, length: PAGE_SIZE }));
      using parts = nvme.bar(0).exportDmaBuf(two);
      const several = () => edu.dma.mapSync({ dmabuf: parts });
      t.throws(several, { instanceOf: VfioError, code: 'ENOTSUP' });
      const past = () => edu.dma.mapSync({ dmabuf: dmabuf.fd, offset: PAGE_SIZE, size: PAGE_SIZE });
      t.throws(past, { instanceOf: VfioError, code: 'EINVAL' });

      const last = map();
      nvme.close();
      t.throws(map, { instanceOf: VfioError, code: 'EBADF' }, 'the device closes its dma-bufs');
      t.not(await readVersion(last.iova), version, 'the end of the device revokes the dma-buf');
      last.free();
    });
  });
});
