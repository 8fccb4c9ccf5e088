// Tests what happens when the host unbinds an open device from vfio-pci. The kernel waits until the
// program closes the device.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { openDevice, type PciDevice, VfioError } from 'vfio';

const NVME = process.env.VFIO_LAB_NVME ?? '';
const DRIVER = '/sys/bus/pci/drivers/vfio-pci';
const FINISH = 1000;
/** Time limit in ms. The limit is below the 10 s after which the kernel repeats its request. */
const AT_ONCE = 9_000;

const bound = () => existsSync(`/sys/bus/pci/devices/${NVME}/driver`);

/** Unbinds the device, waits until the device is unbound, and returns the elapsed time in ms. */
async function unbind(): Promise<number> {
  const start = performance.now();
  await promisify(execFile)('sh', ['-c', `echo ${NVME} > ${DRIVER}/unbind`], { timeout: 60_000 });
  return performance.now() - start;
}

test.afterEach.always(() => {
  if (!bound()) writeFileSync(`${DRIVER}/bind`, NVME);
});

/** Uses every kind of resource that references a device. */
async function use(t: ExecutionContext, device: PciDevice): Promise<void> {
  t.log(`${NVME} via ${device.via}`);
  device.config.update('command', { memory: 1, bus_master: 1 });
  t.not(device.bar(0).map().read32(8), 0xffff_ffff);
  await device.dma.allocate(1 << 20);
  device.interrupts.msix.request(0).on('interrupt', () => undefined);
  device.interrupts.msix.request(1);
  device.interrupts.err.request();
}

test.serial('by default, an open device is closed when the host unbinds the device', async (t) => {
  const device = await openDevice(NVME);
  await use(t, device);
  const took = await unbind();
  t.log(`${Math.round(took)} ms`);
  t.true(took < AT_ONCE, `${took} ms`);
  t.true(device.closed);
  t.false(bound());
  await t.throwsAsync(openDevice(NVME), { instanceOf: VfioError });
});

test.serial('a program that listens for the host’s request finishes its work first', async (t) => {
  const device = await openDevice(NVME);
  await use(t, device);
  let asked = 0;
  let finished = NaN;
  let reset: Promise<void> = Promise.resolve();
  device.interrupts.req.request().on('interrupt', () => {
    if (asked++ > 0) return;
    setTimeout(() => {
      finished = device.config.read16(0);
      // The process that unbinds the device holds the kernel's lock of the device.
      reset = t.throwsAsync(device.reset(), { code: 'EAGAIN' }).then(() => {
        device.close();
      });
    }, FINISH);
  });
  const took = await unbind();
  t.log(`${Math.round(took)} ms`);
  await reset;
  t.is(asked, 1);
  t.is(finished, 0x1b36);
  t.true(took >= FINISH && took < AT_ONCE, `${took} ms`);
  t.false(bound());
});

test.serial('on a host request, a device that a polling worker has open is closed', async (t) => {
  const worker = new Worker(
    `import('vfio').then(({ openDeviceSync }) => {
       const device = openDeviceSync('${NVME}');
       const poller = device.interrupts.poll();
       require('node:worker_threads').parentPort.postMessage('waiting');
       try {
         for (;;) poller.wait(-1);
       } catch ({ code, hint }) {
         require('node:worker_threads').parentPort.postMessage(code + ': ' + hint);
       }
     });`,
    { eval: true },
  );
  const messages: string[] = [];
  worker.on('message', (message: string) => messages.push(message));
  while (messages.length === 0) await sleep(20);
  t.true((await unbind()) < AT_ONCE);
  while (messages.length === 1) await sleep(20);
  await worker.terminate();
  t.regex(messages[1] ?? '', /^EBADF: The host requested the device back/);
});
