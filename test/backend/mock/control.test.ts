import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  listDevices,
  mockControl,
  openDevice,
  registerModel,
  VfioError,
  type Vector,
} from 'vfio/mock';

const ONES = 0xffff_ffff;
const VERSION = 8;

registerModel({
  name: 'plain-pin',
  shape: {
    vendorId: 0x1234,
    deviceId: 1,
    classCode: 0xff0000,
    interruptPin: 1,
    bars: [{ index: 0, size: 4096 }],
  },
  create: (host) => ({
    registers: {
      0: [
        {
          offset: 0,
          width: 4,
          name: 'pin',
          write: (level) => {
            host.setPin(level !== 0);
          },
        },
      ],
    },
    reset: () => undefined,
  }),
});

let labels = 0;

/** Opens a device whose name has a unique label, so that no other test shares the device. */
async function make(t: ExecutionContext, model = 'nvme') {
  const name = `mock:${model}#control${labels++}`;
  const control = mockControl(name);
  const device = await openDevice(name);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  return { name, control, device };
}

/**
 * Returns a function that reads the eventfd of a vector. The test reads the eventfd before the
 * event loop can read the eventfd.
 */
function counter({ eventfd }: Vector): () => bigint {
  return () => eventfd.read();
}

test('interrupt() raises one interrupt or an interrupt storm', async (t) => {
  const { control, device } = await make(t);
  const { msix } = device.interrupts;
  const count = counter(msix.request(3));
  control.interrupt(3);
  t.is(count(), 1n);
  control.interrupt(3, { times: 10_000 });
  t.is(count(), 10_000n);
  control.interrupt(4, { times: 5 });
  t.is(count(), 0n);
  control.clock.stop();
  control.interrupt(3, { times: 3, every: 2 });
  t.is(count(), 0n);
  control.clock.step(5);
  t.is(count(), 2n);
  control.clock.step(100);
  t.is(count(), 1n);
});

test('clear() and close() end an interrupt storm', async (t) => {
  const { name, control, device } = await make(t);
  const count = counter(device.interrupts.msix.request(0));
  control.clock.stop();
  control.interrupt(0, { times: 1000, every: 1 });
  control.clock.step(10);
  t.is(count(), 10n);
  control.clear();
  control.clock.step(10);
  t.is(count(), 0n);
  control.interrupt(0, { times: 1000, every: 1 });
  device.close();
  const again = await openDevice(name);
  again.config.update('command', { bus_master: 1 });
  const other = counter(again.interrupts.msix.request(0));
  control.clock.step(10);
  t.is(other(), 0n);
  again.close();
});

test('delayInterrupts() delays an interrupt, measured by the clock of the device', async (t) => {
  const { control, device } = await make(t);
  const count = counter(device.interrupts.msix.request(0));
  control.clock.stop();
  control.delayInterrupts(20);
  control.interrupt(0);
  control.clock.step(19);
  t.is(count(), 0n);
  control.clock.step(1);
  t.is(count(), 1n);
});

test('a poller waits for a delayed interrupt', async (t) => {
  const { control, device } = await make(t);
  device.interrupts.msix.request(0);
  const poller = device.interrupts.poll();
  control.delayInterrupts(3_600_000);
  control.interrupt(0);
  t.is(poller.wait(1), 0);
  t.is(poller.spin(1), 0);
  control.delayInterrupts(30);
  const start = performance.now();
  control.interrupt(0);
  t.is(poller.wait(600_000), 1);
  t.true(performance.now() - start >= 29);
});

test('next() resolves with a delayed interrupt', async (t) => {
  const { control, device } = await make(t);
  const next = device.interrupts.msix.request(0).next();
  control.delayInterrupts(5);
  control.interrupt(0);
  await next;
  t.pass();
});

test('dropInterrupts() drops only the next messages', async (t) => {
  const { control, device } = await make(t);
  const count = counter(device.interrupts.msix.request(0));
  control.dropInterrupts(2);
  control.interrupt(0, { times: 5 });
  t.is(count(), 3n);
  control.dropInterrupts(Infinity);
  control.interrupt(0, { times: 5 });
  t.is(count(), 0n);
  control.clear();
  control.interrupt(0);
  t.is(count(), 1n);
});

test('INTx: interrupt() pulses the pin, and delayInterrupts() delays INTx', async (t) => {
  const { control, device } = await make(t, 'plain-pin');
  const registers = device.bar(0).map();
  const { intx } = device.interrupts;
  const vector = intx.request();
  const first = vector.next();
  control.interrupt();
  await first;
  control.clock.stop();
  control.delayInterrupts(10);
  const second = vector.next();
  let late = true;
  void second.then(() => (late = false));
  registers.write32(0, 1);
  control.clock.step(9);
  await new Promise((resolve) => setImmediate(resolve));
  t.true(late);
  control.clock.step(1);
  registers.write32(0, 0);
  await second;
});

test('reportError() fires ERR', async (t) => {
  const { control, device } = await make(t);
  const fired = device.interrupts.err.request().next();
  control.reportError();
  await fired;
  t.pass();
});

test('requestDevice() signals REQ at once, and then every 10 s until the device is closed', async (t) => {
  const { name, control, device } = await make(t);
  const count = counter(device.interrupts.req.request());
  control.clock.stop();
  control.requestDevice();
  t.is(count(), 1n);
  control.clock.step(9_999);
  t.is(count(), 0n);
  await t.throwsAsync(device.reset(), { instanceOf: VfioError, code: 'EAGAIN' });
  control.clock.step(1);
  t.is(count(), 1n);
  control.clock.step(30_000);
  t.is(count(), 3n);
  device.close();
  const error = await t.throwsAsync(openDevice(name), { instanceOf: VfioError, code: 'ENOENT' });
  t.regex(error.hint ?? '', /clear/);
  control.clear();
  const again = await openDevice(name);
  const other = counter(again.interrupts.req.request());
  control.clock.step(60_000);
  t.is(other(), 0n);
  again.close();
});

test('unplug() signals REQ, and the device no longer responds', async (t) => {
  const { name, control, device } = await make(t);
  const registers = device.bar(0).map();
  const version = registers.read32(VERSION);
  t.not(version, ONES);
  device.interrupts.msix.request(0);
  const count = counter(device.interrupts.req.request());
  control.unplug();
  t.is(count(), 1n);
  t.is(registers.read32(VERSION), ONES);
  registers.write32(0x24, 5);
  t.is(device.bar(0).load(VERSION, 4), ONES);
  // Fields that vfio-pci virtualizes keep their values. All other fields read as ones.
  t.is(device.config.read32(0), 0x0010_1b36);
  t.is(device.config.read32(8), ONES);
  await t.throwsAsync(device.reset(), { instanceOf: VfioError, code: 'EAGAIN' });
  control.interrupt(0);
  t.is(count(), 0n);
  await t.throwsAsync(openDevice(name), { instanceOf: VfioError, code: 'ENODEV' });
  device.close();
  await t.throwsAsync(openDevice(name), { code: 'ENODEV' });
  control.clear();
  const again = await openDevice(name);
  t.is(again.bar(0).load(VERSION, 4), version);
  again.close();
});

test('listDevices() omits unplugged devices; an unbound device has no driver', async (t) => {
  const name = 'mock:plain-pin';
  const control = mockControl(name);
  const listed = () => listDevices().find((one) => one.name === name);
  const device = await openDevice(name);
  control.requestDevice();
  t.is(listed()?.driver, 'vfio-pci', 'an open device keeps its driver until the device is closed');
  device.close();
  t.is(listed()?.driver, null);
  control.unplug();
  t.is(listed(), undefined);
  control.clear();
  t.is(listed()?.driver, 'vfio-pci');
});

test('an unplugged device does not run its deferred work', async (t) => {
  const { control, device } = await make(t, 'edu');
  const registers = device.bar(0).map();
  const vector = device.interrupts.msi.request(0);
  control.clock.stop();
  registers.write32(0x20, 0x80);
  registers.write32(0x08, 5);
  t.is(registers.read32(0x20) & 1, 1);
  control.unplug();
  control.clock.step(1000);
  let fired = false;
  void vector.next().then(
    () => (fired = true),
    () => undefined,
  );
  await new Promise((resolve) => setImmediate(resolve));
  t.false(fired);
});

test('after disableMemory(), registers read as ones until the driver enables memory decode', async (t) => {
  const { control, device } = await make(t);
  const registers = device.bar(0).map();
  const version = registers.read32(VERSION);
  control.disableMemory();
  t.is(registers.read32(VERSION), ONES);
  t.is(device.bar(0).load(VERSION, 4), ONES);
  t.is(device.config.fields('command').memory, 0);
  device.config.update('command', { memory: 1 });
  t.is(registers.read32(VERSION), version);
});

test('wakeUp() wakes a device from low power', async (t) => {
  const { control, device } = await make(t);
  const registers = device.bar(0).map();
  const wakeup = device.createEventfd();
  device.features.enterLowPower({ wakeup });
  t.is(registers.read32(VERSION), ONES);
  control.wakeUp();
  t.is(wakeup.read(), 1n);
  t.not(registers.read32(VERSION), ONES);
  device.features.enterLowPower();
  control.wakeUp();
  t.is(registers.read32(VERSION), ONES);
});

test('after blockGroup(), a new open fails with EBUSY, but open devices stay open', async (t) => {
  const { name, control, device } = await make(t);
  control.blockGroup();
  const open = () => openDevice(name);
  const error = await t.throwsAsync(open(), { instanceOf: VfioError, code: 'EBUSY' });
  t.is(error.syscall, 'VFIO_GROUP_SET_CONTAINER');
  t.not(device.bar(0).load(VERSION, 4), ONES);
  control.clear();
  (await open()).close();
});

test('one call of fail() makes one reset fail', async (t) => {
  const { control, device } = await make(t);
  control.fail('reset', 'EAGAIN');
  await t.throwsAsync(device.reset(), { instanceOf: VfioError, code: 'EAGAIN' });
  await t.notThrowsAsync(device.reset());
});

test('a misspelt option throws a TypeError', async (t) => {
  const { control } = await make(t);
  const wrong = [
    (options: never) => {
      control.fail('open', 'EIO', options);
    },
    (options: never) => {
      control.limit(options);
    },
    (options: never) => {
      control.interrupt(0, options);
    },
  ];
  for (const call of wrong) {
    for (const options of [null, 5, 'abc', { tims: 1 }]) {
      const message = /must be an object|(unknown option|limits has no) 'tims'; known: /;
      t.throws(
        () => {
          call(options as never);
        },
        { instanceOf: TypeError, message },
      );
    }
  }
});

test('all names of a device share one control object; interrupt() needs an open device', (t) => {
  t.is(mockControl('mock:nvme#x'), mockControl('mock:nvme#x'));
  t.is(mockControl('mock:nvme#x'), mockControl('mock:nvme#x?kernel=7.2&via=cdev'));
  t.not(mockControl('mock:nvme#x'), mockControl('mock:nvme#x?kernel=6.1'));
  t.throws(() => mockControl('0000:01:00.0'), { instanceOf: VfioError, code: 'ENODEV' });
  t.throws(() => mockControl('mock:none'), { instanceOf: VfioError, code: 'ENODEV' });
  const control = mockControl('mock:nvme#x');
  for (const act of ['interrupt', 'disableMemory', 'reportError'] as const) {
    t.throws(
      () => {
        control[act]();
      },
      { instanceOf: TypeError, message: /not open/ },
    );
  }
});

test('clear() keeps the IOVA ranges of a snapshot', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-control-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'card.json');
  const text = readFileSync(
    new URL('../../../../test/snapshot/e1000e.json', import.meta.url),
    'utf8',
  );
  writeFileSync(path, text.replace('"0xffffffffffff"', '"0x7fffffffff"'));
  mockControl(`mock:${path}`).clear();
  const device = await openDevice(`mock:${path}`);
  t.is(device.dma.ranges().at(-1)?.end, 0x7f_ffff_ffffn);
  device.close();
});
