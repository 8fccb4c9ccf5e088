import test from 'ava';
import { createDevice } from '../../lib/device/device.js';
import { VfioError } from '../../lib/errors.js';
import { FakeConnection, openFake } from './fake.js';

test('a device reports its name, its kernel interface and its device information', (t) => {
  const { device } = openFake();
  t.like(device, { name: 'fake:device', via: 'cdev', closed: false });
  t.deepEqual(device.info, { flags: 3, numRegions: 10, numIrqs: 5 });
});

/** Opens a device with a window, a DMA buffer, an MSI-X vector and a REQ vector in use. */
function openBusy() {
  const fake = openFake(({ regions }) => {
    regions[0] = { size: 0x4000n, flags: 7 };
  });
  const { device } = fake;
  const window = device.bar(0).map();
  const buffer = device.dma.allocateSync(4096);
  const vector = device.interrupts.msix.request(1);
  const request = device.interrupts.req.request();
  fake.script.take();
  return { ...fake, window, buffer, vector, request };
}

test('close() closes interrupts, then windows, then DMA memory, then the connection', (t) => {
  const { device, script, vector, request, buffer } = openBusy();
  device.close();
  device.close();
  device[Symbol.dispose]();
  t.deepEqual(script.take(), [
    'irqs req eventfd|trigger 0+1 [null]',
    'set.remove 1',
    'eventfd.close 1',
    'irqs msix none|trigger 0+0',
    'set.remove 0',
    'eventfd.close 0',
    'set.close',
    'window.close 0 0x0',
    'unmap 0x1000 4096 flags=0',
    'memory.release 4096',
    'close',
  ]);
  t.true(device.closed && vector.closed && request.closed);
  t.false(buffer.mapped);
});

test('if a step of close() fails, the other steps still run', (t) => {
  const { device, script, connection } = openBusy();
  for (const kind of ['irqs', 'window.close', 'unmap']) script.fail(kind);
  device.close();
  t.deepEqual(script.take().slice(-5), [
    'set.close',
    'window.close 0 0x0',
    'unmap 0x1000 4096 flags=0',
    'close',
    'memory.release 4096',
  ]);
  t.true(connection.eventfds.every(({ closed }) => closed));
  t.is(device.dma.mapped, 0);
});

test('closing the device ends a pending next() and an iteration over a vector', async (t) => {
  const { device, vector, request } = openBusy();
  const waiting = vector.next();
  const iteration = (async () => {
    for await (const count of request) t.fail(count.toString());
  })();
  device.close();
  await t.throwsAsync(waiting, { code: 'ECANCELED' });
  await iteration;
});

test('the method Symbol.asyncDispose closes the device', async (t) => {
  const { device, script } = openFake();
  await device[Symbol.asyncDispose]();
  t.deepEqual(script.take(), ['close']);
});

test('after close(), every use of the device throws EBADF without a call to the back end', async (t) => {
  const { device, script, vector, buffer } = openBusy();
  const { config, dma, interrupts, features } = device;
  const bar = device.bar(0);
  const eventfd = device.createEventfd();
  device.close();
  script.take();
  const uses: (() => unknown)[] = [
    () => config.read8(0),
    () => config.read16(0),
    () => config.read32(0),
    () => {
      config.write32(0, 0);
    },
    () => config.read(0, 4),
    () => config.write(0, new Uint8Array(4)),
    () => config.header(),
    () => config.bars(),
    () => config.capabilities(),
    () => config.get('command'),
    () => {
      config.update('command', { memory: 1 });
    },
    () => device.regions,
    () => device.bar(0),
    () => device.region(7),
    () => bar.map(),
    () => bar.read(0, 4),
    () => bar.write(0, new Uint8Array(4)),
    () => bar.load(0, 4),
    () => {
      bar.store(0, 4, 0);
    },
    () => {
      bar.ioeventfd({ offset: 0, width: 4, value: 0n, eventfd });
    },
    () => dma.ranges(),
    () => dma.pageSize,
    () => dma.allocateSync(4096),
    () => dma.mapSync(new SharedArrayBuffer(4096)),
    () => dma.unmap(0x1000n, 4096),
    () => dma.unmapAll(),
    () => interrupts.msix.count,
    () => interrupts.msix.request(0),
    () => {
      interrupts.msi.enable();
    },
    () => interrupts.intx.request(),
    () => interrupts.err.request(),
    () => interrupts.poll(),
    () => {
      vector.trigger();
    },
    () => features.probe(1),
    () => features.get(1, 8),
    () => {
      features.set(1);
    },
    () => {
      device.resetSync();
    },
    () => device.hotResetInfo(),
    () => {
      device.hotReset();
    },
    () => {
      device.attachPasid(1);
    },
    () => {
      device.detachPasid(1);
    },
    () => device.createEventfd(),
  ];
  for (const use of uses) t.throws(use, { instanceOf: VfioError, code: 'EBADF' }, use.toString());
  for (const use of [() => device.reset(), () => dma.allocate(1), () => vector.next()]) {
    await t.throwsAsync(use, { code: 'EBADF' });
  }
  t.notThrows(() => {
    vector.close();
    buffer.free();
    interrupts.msix.disable();
    interrupts.intx.disable();
  });
  t.deepEqual(script.take(), []);
});

test('if a device cannot be reset alone, reset() fails with EINVAL and a hint', async (t) => {
  const { device, script } = openFake();
  await device.reset();
  device.resetSync();
  t.deepEqual(script.take(), ['reset', 'resetSync']);
  for (const kind of ['reset', 'resetSync']) script.fail(kind, new VfioError({ code: 'EINVAL' }));
  const hint = 'The function cannot be reset alone. Call hotReset() to reset its slot or bus.';
  t.like(await t.throwsAsync(device.reset()), { code: 'EINVAL', hint });
  t.like(
    t.throws(() => {
      device.resetSync();
    }),
    { hint },
  );
  script.fail('reset', new VfioError({ code: 'EAGAIN' }));
  t.like(await t.throwsAsync(device.reset()), { code: 'EAGAIN', hint: undefined });
});

test('hotReset() passes the connections of the other devices to the back end', (t) => {
  const { device, script } = openFake();
  const second = new FakeConnection();
  second.name = 'fake:second';
  const other = createDevice(second);
  t.deepEqual(device.hotResetInfo().devices, []);
  device.hotReset();
  device.hotReset([other]);
  const resets = script.take().filter((call) => call.startsWith('hotReset'));
  t.deepEqual(resets, ['hotReset ', 'hotReset fake:second']);
  for (const wrong of [other, [{}], ['fake:second']]) {
    t.throws(
      () => {
        device.hotReset(wrong as never);
      },
      { instanceOf: TypeError },
    );
  }
  other.close();
  t.throws(
    () => {
      device.hotReset([other]);
    },
    { code: 'EBADF', message: /fake:second/ },
  );
  t.deepEqual(script.take(), []);
});

test('attachPasid() refuses a PASID with more than 20 bits', (t) => {
  const { device, script } = openFake();
  device.attachPasid(0xf_ffff);
  device.detachPasid(0);
  t.deepEqual(script.take(), ['attachPasid 1048575', 'detachPasid 0']);
  for (const pasid of [-1, 0x10_0000]) {
    t.throws(
      () => {
        device.attachPasid(pasid);
      },
      { instanceOf: RangeError },
    );
    t.throws(
      () => {
        device.detachPasid(pasid);
      },
      { instanceOf: RangeError },
    );
  }
  t.throws(
    () => {
      device.attachPasid('1' as never);
    },
    { instanceOf: TypeError },
  );
  t.deepEqual(script.take(), []);
});
