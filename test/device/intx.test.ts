import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { openFake } from './fake.js';

function withIntx(options = {}) {
  const fake = openFake();
  const vector = fake.device.interrupts.intx.request(options);
  return { ...fake, vector, set: fake.connection.set };
}

const UNMASK = 'irqs intx none|unmask 0+1';

test('request() adds the eventfd to the event set before the kernel enables INTx', (t) => {
  const { script, device, vector } = withIntx();
  t.deepEqual(script.take().slice(-2), ['set.add 0 plain', 'irqs intx eventfd|trigger 0+1 [e0]']);
  t.true(device.interrupts.intx.active);
  t.is(device.interrupts.intx.vector, vector);
  t.throws(() => device.interrupts.intx.request(), { code: 'EBUSY' });
});

test('INTx is unmasked after all listeners have returned', (t) => {
  const { script, vector, set } = withIntx();
  vector.on('interrupt', () => script.calls.push('first'));
  vector.on('interrupt', () => script.calls.push('second'));
  script.take();
  set.fire(vector.eventfd);
  t.deepEqual(script.take(), ['first', 'second', UNMASK]);
});

test('INTx is unmasked even if a listener throws', (t) => {
  const { script, device, vector, set } = withIntx();
  vector.on('interrupt', () => {
    throw new Error('of the listener');
  });
  const poller = device.interrupts.poll();
  set.queue.push([[0, 1n]]);
  script.take();
  t.throws(() => poller.wait(), { message: 'of the listener' });
  t.deepEqual(script.take(), ['set.wait -1', UNMASK]);
});

test('if a listener throws and the unmask fails, the two errors are thrown together', (t) => {
  const { script, device, vector, set } = withIntx();
  vector.on('interrupt', () => {
    script.fail('irqs', new VfioError({ code: 'EIO' }));
    throw new Error('of the listener');
  });
  const poller = device.interrupts.poll();
  set.queue.push([[0, 1n]]);
  const error = t.throws(() => poller.wait(), { instanceOf: AggregateError });
  t.deepEqual(
    error.errors.map(({ message }: Error) => message),
    ['of the listener', 'EIO: i/o error'],
  );
});

test('if a listener closes the vector or the device, INTx is not unmasked', (t) => {
  for (const what of ['vector', 'device'] as const) {
    const fake = withIntx();
    fake.vector.on('interrupt', () => {
      fake[what].close();
    });
    t.notThrows(() => {
      fake.set.fire(fake.vector.eventfd);
    });
    t.false(fake.script.take().includes(UNMASK), what);
  }
});

test('with autoUnmask: false, the program itself masks and unmasks INTx', (t) => {
  const { script, vector, set } = withIntx({ autoUnmask: false });
  vector.on('interrupt', () => undefined);
  script.take();
  set.fire(vector.eventfd);
  t.false(script.take().includes(UNMASK));
  vector.mask();
  vector.unmask();
  vector.trigger();
  t.deepEqual(script.take(), ['irqs intx none|mask 0+1', UNMASK, 'irqs intx none|trigger 0+1']);
});

test('with autoUnmask: false, next() returns an interrupt', async (t) => {
  const { vector, set } = withIntx({ autoUnmask: false });
  set.fire(vector.eventfd);
  t.is(await vector.next(), 1n);
});

test('after a successful resample(), the library no longer unmasks INTx after a delivery', (t) => {
  const { script, vector, set, connection } = withIntx();
  vector.on('interrupt', () => undefined);
  script.take();
  connection.script.fail('irqs');
  t.throws(() => vector.resample(), { code: 'EIO' });
  t.true(connection.eventfds[1]?.closed);
  script.take();
  set.fire(vector.eventfd);
  t.deepEqual(script.take(), [UNMASK]);
  const eventfd = vector.resample();
  t.is(vector.resample(), eventfd);
  t.deepEqual(script.take(), ['createEventfd', 'irqs intx eventfd|unmask 0+1 [e2]']);
  set.fire(vector.eventfd);
  t.deepEqual(script.take(), []);
  vector.close();
  t.true(connection.eventfds.every(({ closed }) => closed));
});

test('closing the vector disables INTx, so that MSI can be enabled', (t) => {
  const { script, device, vector } = withIntx();
  script.take();
  vector.close();
  vector.close();
  t.deepEqual(script.take(), ['irqs intx none|trigger 0+0', 'set.remove 0', 'eventfd.close 0']);
  t.false(device.interrupts.intx.active);
  t.is(device.interrupts.intx.vector, undefined);
  const again = device.interrupts.intx.request();
  device.interrupts.intx.disable();
  device.interrupts.intx.disable();
  t.true(again.closed);
});

test('a device without INTx gives ENXIO', (t) => {
  const { device, script } = openFake((connection) => {
    connection.irqs[0] = { count: 0, flags: 7 };
  });
  t.throws(() => device.interrupts.intx.request(), {
    code: 'ENXIO',
    message: /has no intx; the device has msi and msix/,
  });
  t.true(script.take().every((call) => call.startsWith('getIrqInfo')));
});

test('a failed request releases the eventfd and leaves INTx disabled', (t) => {
  const { device, connection } = openFake();
  connection.script.fail('irqs');
  t.throws(() => device.interrupts.intx.request(), { code: 'EIO' });
  t.false(device.interrupts.intx.active);
  t.true(connection.eventfds[0]?.closed);
  t.is(connection.set.slots.size, 0);
  t.notThrows(() => device.interrupts.msi.request(0));
});

test('a closed INTx vector throws EBADF', (t) => {
  const { vector, script } = withIntx();
  vector.close();
  script.take();
  const uses = [
    () => {
      vector.mask();
    },
    () => {
      vector.unmask();
    },
    () => vector.resample(),
  ];
  for (const use of uses) t.throws(use, { code: 'EBADF' });
  t.deepEqual(script.take(), []);
});

test('ERR and REQ can be requested while MSI-X is active', async (t) => {
  const { device, script, connection } = openFake();
  const { err, req, msix } = device.interrupts;
  msix.request(0);
  const vector = req.request();
  t.is(req.vector, vector);
  t.throws(() => req.request(), { code: 'EBUSY', message: /req is in use/ });
  script.take();
  err.request({ counts: true });
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 2 counted',
    'irqs err eventfd|trigger 0+1 [e2]',
  ]);
  const waiting = vector.next();
  connection.set.fire(vector.eventfd);
  t.is(await waiting, 1n);
  vector.trigger();
  vector.close();
  t.deepEqual(
    script.take().filter((call) => call.startsWith('irqs')),
    ['irqs req none|trigger 0+1', 'irqs req eventfd|trigger 0+1 [null]'],
  );
  t.is(req.vector, undefined);
});

test('if the kernel returns EINVAL for ERR, the number of ERR vectors is 0', (t) => {
  const { device, script } = openFake();
  script.fail('getIrqInfo', new VfioError({ code: 'EINVAL' }));
  t.is(device.interrupts.err.count, 0);
  t.throws(() => device.interrupts.err.request(), { code: 'ENXIO', message: /has no err/ });
  script.fail('getIrqInfo');
  t.throws(() => device.interrupts.req.count, { code: 'EIO' });
});
