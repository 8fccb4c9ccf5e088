// Tests that programs with mistakes release devices, buffers and workers correctly.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { openDevice, VfioError } from 'vfio';
import { EDU, EDU_BUFFER, enable, NVME, transfer, withDevice } from './targets.js';
import { PAGE_SIZE } from '../../lib/checks.js';

const RAISE_INTERRUPT = 0x60;
const COUNT = 50;
const SIZE = 64 * 1024;

async function collectGarbage(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
    globalThis.gc();
    await setImmediate();
  }
}

/** Counts the open descriptors and the locked and pinned memory of this process. */
function countResources(): { fds: number; locked: number; pinned: number } {
  const status = readFileSync('/proc/self/status', 'latin1');
  const kB = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    fds: readdirSync('/proc/self/fd').length,
    locked: kB('VmLck'),
    pinned: kB('VmPin'),
  };
}

test.serial('a device can be closed in its interrupt handler', async (t) => {
  const device = await openDevice(EDU);
  enable(device);
  const window = device.bar(0).map();
  const vector = device.interrupts.msi.request(0);
  const waiting = t.throwsAsync(device.interrupts.req.request().next(), { code: 'ECANCELED' });
  const closed = new Promise<void>((resolve) => {
    vector.on('interrupt', () => {
      device.close();
      vector.close();
      t.throws(() => window.read32(0), { code: 'EBADF' });
      resolve();
    });
  });
  // A second interrupt is under way when the device closes.
  window.write32(RAISE_INTERRUPT, 1);
  window.write32(RAISE_INTERRUPT, 2);
  await closed;
  await waiting;
  t.true(device.closed && vector.closed);
});

test.serial('an unreferenced buffer stays mapped until the device is closed', async (t) => {
  await collectGarbage();
  const before = countResources();
  const device = await openDevice(NVME);
  for (let n = 0; n < COUNT; n++) {
    device.dma.allocateSync(SIZE).bytes.fill(n);
    device.bar(0).map();
  }
  const during = countResources();
  await collectGarbage();
  // The garbage collector has not freed the memory, and the memory is still locked.
  const after = countResources();
  t.deepEqual([after.locked, after.pinned], [during.locked, during.pinned]);
  t.is(device.dma.mapped, COUNT * SIZE);
  t.is(device.dma.unmapAll(), BigInt(COUNT * SIZE));
  device.close();
  await collectGarbage();
  t.deepEqual(countResources(), before);
});

test.serial('free() unmaps a buffer whose ArrayBuffer was transferred', async (t) => {
  await withDevice(t, NVME, async ({ dma }) => {
    const buffer = dma.allocateSync(4096);
    buffer.bytes.fill(7);
    let moved: ArrayBuffer | SharedArrayBuffer | undefined;
    try {
      moved = structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
    } catch (error) {
      // Some versions of Node refuse to transfer this ArrayBuffer.
      if ((error as Error).name !== 'DataCloneError') throw error;
    }
    buffer.free();
    t.is(dma.mapped, 0);
    await collectGarbage();
    t.is(moved === undefined ? 7 : new Uint8Array(moved)[4095], 7);
  });
});

test.serial('a device can be closed while calls are under way', async (t) => {
  await collectGarbage();
  const before = countResources();
  for (let round = 0; round < 5; round++) {
    const device = await openDevice(NVME);
    const calls = [
      device.dma.allocate(1 << 20),
      device.reset(),
      device.dma.allocate(4096),
      device.dma.map(new SharedArrayBuffer(PAGE_SIZE, { maxByteLength: PAGE_SIZE })),
    ];
    if (round % 2 === 1) await setImmediate();
    device.close();
    for (const result of await Promise.allSettled(calls)) {
      if (result.status === 'rejected') t.true(result.reason instanceof VfioError);
    }
    t.is(device.dma.mapped, 0);
  }
  await collectGarbage();
  t.deepEqual(countResources(), before);
});

test.serial('a worker can end while its device is open and in use', async (t) => {
  // Node keeps some descriptors of the first worker open, so one worker runs before the count.
  await once(new Worker('', { eval: true }), 'exit');
  await collectGarbage();
  const before = countResources();
  for (const ending of [
    'for (;;) poller.wait(1000)',
    'for (;;) window.read32(0)',
    'process.exit()',
  ]) {
    const worker = new Worker(
      `import('vfio').then(({ openDeviceSync }) => {
         const device = openDeviceSync('${EDU}');
         device.config.update('command', { memory: 1, bus_master: 1 });
         const window = device.bar(0).map();
         device.interrupts.msi.request(0).on('interrupt', () => undefined);
         device.dma.allocateSync(1 << 20);
         device.dma.allocate(1 << 20).catch(() => undefined);
         require('node:worker_threads').parentPort.postMessage('ready');
         const poller = device.interrupts.poll();
         ${ending};
       });`,
      { eval: true },
    );
    const exited = once(worker, 'exit');
    await once(worker, 'message');
    await worker.terminate();
    await exited;
    // The open fails if the worker left the group open, because a group can be open only once.
    await withDevice(t, EDU, (device) => {
      t.is(device.config.read16(0), 0x1234);
    });
    await collectGarbage();
    t.deepEqual(countResources(), before, ending);
  }
});

test.serial('the device cannot access memory after its unmap', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    using target = await device.dma.allocate(4096);
    using secret = await device.dma.allocate(4096);
    secret.bytes.fill(0x5a);
    await transfer(device, vector, secret.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.deepEqual([...target.bytes.subarray(0, 64)], new Array(64).fill(0x5a));
    // The process keeps the memory, but the device can no longer access the memory.
    t.is(device.dma.unmap(secret.iova, PAGE_SIZE), BigInt(PAGE_SIZE));
    secret.bytes.fill(0xc3);
    await transfer(device, vector, secret.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.false(target.bytes.includes(0xc3));
    await transfer(device, vector, target.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, secret.iova, 64);
    t.true(secret.bytes.every((byte) => byte === 0xc3));
  });
});
