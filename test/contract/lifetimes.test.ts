// What programs do to a device that nobody would do on purpose.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { openDevice, VfioError } from 'vfio';
import { EDU, EDU_BUFFER, enable, NVME, transfer, withDevice } from './targets.js';

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

/** What the kernel counts for this process. */
function held(): { fds: number; locked: number; pinned: number } {
  const status = readFileSync('/proc/self/status', 'latin1');
  const kB = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    fds: readdirSync('/proc/self/fd').length,
    locked: kB('VmLck'),
    pinned: kB('VmPin'),
  };
}

test.serial('a device that closes itself in its handler', async (t) => {
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
  // A second one is on its way when the device closes.
  window.write32(RAISE_INTERRUPT, 1);
  window.write32(RAISE_INTERRUPT, 2);
  await closed;
  await waiting;
  t.true(device.closed && vector.closed);
});

test.serial(
  'what a program loses stays where the device can reach it, until it closes',
  async (t) => {
    await collectGarbage();
    const before = held();
    const device = await openDevice(NVME);
    for (let n = 0; n < COUNT; n++) {
      device.dma.allocateSync(SIZE).bytes.fill(n);
      device.bar(0).map();
    }
    const during = held();
    await collectGarbage();
    // Neither the memory nor its lock went with the objects.
    const after = held();
    t.deepEqual([after.locked, after.pinned], [during.locked, during.pinned]);
    t.is(device.dma.mapped, COUNT * SIZE);
    t.is(device.dma.unmapAll(), BigInt(COUNT * SIZE));
    device.close();
    await collectGarbage();
    t.deepEqual(held(), before);
  },
);

test.serial('memory whose ArrayBuffer was taken away is unmapped all the same', async (t) => {
  await withDevice(t, NVME, async ({ dma }) => {
    const buffer = dma.allocateSync(4096);
    buffer.bytes.fill(7);
    let moved: ArrayBuffer | SharedArrayBuffer | undefined;
    try {
      moved = structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
    } catch (error) {
      // What Node cannot move stays.
      if ((error as Error).name !== 'DataCloneError') throw error;
    }
    buffer.free();
    t.is(dma.mapped, 0);
    await collectGarbage();
    t.is(moved === undefined ? 7 : new Uint8Array(moved)[4095], 7);
  });
});

test.serial('closing while calls are under way', async (t) => {
  await collectGarbage();
  const before = held();
  for (let round = 0; round < 5; round++) {
    const device = await openDevice(NVME);
    const calls = [
      device.dma.allocate(1 << 20),
      device.reset(),
      device.dma.allocate(4096),
      device.dma.map(new SharedArrayBuffer(4096, { maxByteLength: 4096 })),
    ];
    if (round % 2 === 1) await setImmediate();
    device.close();
    for (const result of await Promise.allSettled(calls)) {
      if (result.status === 'rejected') t.true(result.reason instanceof VfioError);
    }
    t.is(device.dma.mapped, 0);
  }
  await collectGarbage();
  t.deepEqual(held(), before);
});

test.serial('a worker that ends with the device open, at work and waiting', async (t) => {
  // What Node opens for its first worker it keeps.
  await once(new Worker('', { eval: true }), 'exit');
  await collectGarbage();
  const before = held();
  for (const ending of ['poller.wait(-1)', 'for (;;) window.read32(0)', 'process.exit()']) {
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
    // The device is free: a group can be opened once.
    await withDevice(t, EDU, (device) => {
      t.is(device.config.read16(0), 0x1234);
    });
    await collectGarbage();
    t.deepEqual(held(), before, ending);
  }
});

test.serial('what was taken from the device, it cannot reach', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    const vector = device.interrupts.msi.request(0);
    using target = await device.dma.allocate(4096);
    using secret = await device.dma.allocate(4096);
    secret.bytes.fill(0x5a);
    await transfer(device, vector, secret.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.deepEqual([...target.bytes.subarray(0, 64)], new Array(64).fill(0x5a));
    // The same memory, of the process alone from now on.
    t.is(device.dma.unmap(secret.iova, 4096), 4096n);
    secret.bytes.fill(0xc3);
    await transfer(device, vector, secret.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, target.iova, 64);
    t.false(target.bytes.includes(0xc3));
    await transfer(device, vector, target.iova, EDU_BUFFER, 64);
    await transfer(device, vector, EDU_BUFFER, secret.iova, 64);
    t.true(secret.bytes.every((byte) => byte === 0xc3));
  });
});
