import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { type Vector, VfioError } from 'vfio';
import { EDU, enable, NVME, withDevice } from './targets.js';

const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const STATUS = 0x24;
/** VFIO_PCI_REQ_IRQ_INDEX. */
const REQ = 4;
/** VFIO_IRQ_SET_DATA_NONE and ACTION_TRIGGER. */
const LOOPBACK = 0x21;

/** Records the counts that a vector delivers, in order. */
function recorded(vector: Vector): bigint[] {
  const seen: bigint[] = [];
  vector.on('interrupt', (count: bigint) => seen.push(count));
  return seen;
}

test.serial('a loopback trigger is delivered only to the triggered vector', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    t.is(msix.count, 65);
    const [zero, ten] = [msix.request(0), msix.request(10)];
    const others = recorded(zero);
    const arrived = once(ten, 'interrupt');
    ten.trigger();
    t.deepEqual(await arrived, [1n]);
    t.deepEqual(others, []);
  });
});

test.serial('a vector can be added while other vectors keep delivering interrupts', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    const first = msix.request(0);
    first.trigger();
    await first.next();
    const last = msix.request(64);
    for (const vector of [first, last]) {
      vector.trigger();
      await vector.next();
    }
    t.true(msix.active);
  });
});

test.serial('a vector opened with { counts: true } returns the number of signals', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    const vector = msix.request(3, { counts: true });
    const next = vector.next();
    for (let n = 0; n < 5; n += 1) vector.trigger();
    let seen = await next;
    while (seen < 5n) seen += await vector.next();
    t.is(seen, 5n);
  });
});

test.serial('a vector keeps delivering after the program has closed its eventfd', async (t) => {
  await withDevice(t, NVME, async (device) => {
    for (const counts of [false, true]) {
      const eventfd = device.createEventfd();
      const vector = device.interrupts.msix.request(0, { counts, eventfd });
      eventfd.close();
      vector.trigger();
      t.is(await vector.next(), 1n);
      vector.close();
    }
  });
});

test.serial('a vector is an async iterator that ends when the vector is closed', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    const vector = msix.request(1);
    let turns = 0;
    vector.trigger();
    for await (const count of vector) {
      t.is(count, 1n);
      turns += 1;
      if (turns === 3) vector.close();
      else vector.trigger();
    }
    t.is(turns, 3);
  });
});

test.serial('a signal and a timeout can end next()', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    const controller = new AbortController();
    const vector = msix.request(0);
    const next = vector.next({ signal: controller.signal });
    controller.abort();
    await t.throwsAsync(next, { name: 'AbortError', code: 'ABORT_ERR' });
    await t.throwsAsync(vector.next({ timeout: 1 }), { code: 'ETIMEDOUT' });
  });
});

test.serial('a closed vector delivers nothing and can be requested again', async (t) => {
  await withDevice(t, NVME, async ({ interrupts: { msix } }) => {
    const closed = msix.request(5);
    const seen = recorded(closed);
    closed.trigger();
    closed.close();
    t.throws(() => {
      closed.trigger();
    });
    const again = msix.request(5);
    again.trigger();
    await again.next();
    t.deepEqual(seen, []);
  });
});

test.serial('if a listener throws, the other vectors are still delivered', async (t) => {
  await withDevice(t, NVME, async ({ interrupts }) => {
    const [bad, good] = [interrupts.msix.request(0), interrupts.msix.request(1)];
    const seen = recorded(good);
    bad.on('interrupt', () => {
      throw new Error('from the listener');
    });
    const poller = interrupts.poll();
    bad.trigger();
    good.trigger();
    t.throws(() => poller.wait(1000), { message: 'from the listener' });
    if (seen.length === 0) poller.wait(1000);
    t.deepEqual(seen, [1n]);
    poller.close();
    await turn();
  });
});

test.serial('while a poller is open, only the poller delivers interrupts', async (t) => {
  await withDevice(t, NVME, async ({ interrupts }) => {
    const vector = interrupts.msix.request(2);
    const seen = recorded(vector);
    const poller = interrupts.poll();
    t.throws(() => interrupts.poll(), { instanceOf: VfioError });
    vector.trigger();
    await turn();
    await turn();
    t.deepEqual(seen, [], 'the event loop delivers no interrupt');
    t.is(poller.wait(1000), 1);
    t.deepEqual(seen, [1n]);
    vector.trigger();
    t.is(poller.spin(1_000_000), 1);
    t.is(poller.wait(0), 0);
    poller.close();
    const next = vector.next();
    vector.trigger();
    t.is(await next, 1n);
  });
});

test.serial('only one of INTx, MSI and MSI-X is active at a time', async (t) => {
  await withDevice(t, NVME, ({ interrupts }) => {
    interrupts.msix.request(0);
    const error = t.throws(() => interrupts.intx.request(), { instanceOf: VfioError });
    t.is(error.code, 'EBUSY');
    interrupts.msix.disable();
    interrupts.intx.request();
  });
});

test.serial('requesting a vector outside of the table throws a RangeError', async (t) => {
  await withDevice(t, NVME, ({ interrupts: { msix } }) => {
    t.throws(() => msix.request(65), { instanceOf: RangeError });
    t.throws(() => msix.request(-1), { instanceOf: RangeError });
    t.throws(() => msix.request(0.5), { instanceOf: RangeError });
    msix.request(0);
    t.throws(() => msix.request(0), { instanceOf: VfioError, code: 'EBUSY' });
  });
});

test.serial('MSI: an interrupt of the device is delivered to its vector', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    using registers = device.bar(0).map();
    t.is(device.interrupts.msi.count, 1);
    const vector = device.interrupts.msi.request(0);
    for (let n = 1; n <= 3; n += 1) {
      const next = vector.next();
      registers.write32(RAISE, n);
      t.is(await next, 1n);
      t.is(registers.read32(STATUS), n);
      registers.write32(ACKNOWLEDGE, n);
    }
  });
});

test.serial(
  'an interrupt masks INTx, and the library unmasks INTx after all listeners have run',
  async (t) => {
    await withDevice(t, EDU, async (device) => {
      enable(device);
      using registers = device.bar(0).map();
      const vector = device.interrupts.intx.request();
      vector.on('interrupt', () => {
        registers.write32(ACKNOWLEDGE, registers.read32(STATUS));
      });
      for (let n = 1; n <= 3; n += 1) {
        const next = vector.next();
        registers.write32(RAISE, n);
        await next;
        t.is(registers.read32(STATUS), 0);
      }
    });
  },
);

test.serial('unmasking INTx while the line is asserted makes INTx fire again', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    using registers = device.bar(0).map();
    const vector = device.interrupts.intx.request({ autoUnmask: false });
    const first = vector.next();
    registers.write32(RAISE, 1);
    await first;
    const again = vector.next();
    vector.unmask();
    t.is(await again, 1n);
    registers.write32(ACKNOWLEDGE, 1);
    vector.unmask();
  });
});

test.serial('a signal of the resample eventfd unmasks INTx', async (t) => {
  await withDevice(t, EDU, async (device) => {
    enable(device);
    using registers = device.bar(0).map();
    const vector = device.interrupts.intx.request();
    const resample = vector.resample();
    const first = vector.next();
    registers.write32(RAISE, 1);
    await first;
    const again = vector.next();
    resample.signal();
    t.is(await again, 1n);
    registers.write32(ACKNOWLEDGE, 1);
    resample.signal();
  });
});

for (const kind of ['err', 'req'] as const) {
  test.serial(`${kind}: loopback`, async (t) => {
    await withDevice(t, NVME, async ({ interrupts }) => {
      const vector = interrupts[kind].request();
      const next = vector.next();
      vector.trigger();
      t.is(await next, 1n);
    });
  });
}

test.serial('if the host requests a device back, the device is closed by default', async (t) => {
  await withDevice(t, NVME, async (device) => {
    const vector = device.interrupts.msix.request(0);
    const ended = t.throwsAsync(vector.next(), { code: 'ECANCELED' });
    device.connection.setIrqs({ index: REQ, flags: LOOPBACK, start: 0, count: 1 });
    // The event loop delivers the host's request like an interrupt.
    t.false(device.closed);
    await ended;
    t.true(device.closed);
  });
});
