import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { type FakeConnection, openFake } from './fake.js';
import { FakeEventfd } from './fake-events.js';
import { Script } from './fake-script.js';

const irqCalls = (script: Script) => script.take().filter((call) => call.startsWith('irqs'));

/** Gives the device `count` MSI-X vectors with the flag NORESIZE, as Linux before 6.5 does. */
const withNoresize = (count: number) => (connection: FakeConnection) => {
  connection.irqs[2] = { count, flags: 9 };
};

test('each interrupt index reports its number of vectors', (t) => {
  const { device, script } = openFake();
  const { msi, msix, intx, err, req } = device.interrupts;
  t.deepEqual([intx.count, msi.count, msix.count, err.count, req.count], [1, 4, 8, 1, 1]);
  t.deepEqual([msi.noresize, msix.noresize], [true, false]);
  t.deepEqual([msi.active, msix.active, intx.active], [false, false, false]);
  t.is(script.take().length, 5, 'the information about each interrupt index is read only once');
});

test('without NORESIZE, each request adds one vector to the enabled index', (t) => {
  const { device, script } = openFake();
  const { msix } = device.interrupts;
  const vector = msix.request(5);
  t.true(msix.active);
  t.is(msix.vector(5), vector);
  // A program without types can pass a text.
  for (const text of ['5', 'length']) t.is(msix.vector(text as unknown as number), undefined);
  t.is(vector.index, 5);
  t.deepEqual(script.take(), [
    'getIrqInfo 2',
    'irqs msix eventfd|trigger 0+1 [null]',
    'createEventfd',
    'getIrqInfo 0',
    'getIrqInfo 1',
    'getIrqInfo 3',
    'getIrqInfo 4',
    'createEventSet 11',
    'set.serve',
    'set.add 0 plain',
    'irqs msix eventfd|trigger 5+1 [e0]',
  ]);
  msix.request(0);
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 1 plain',
    'irqs msix eventfd|trigger 0+1 [e1]',
  ]);
});

test('with NORESIZE, all vectors are enabled once, and each request binds one vector', (t) => {
  const { device, script } = openFake(withNoresize(2048));
  const { msix } = device.interrupts;
  msix.request(0);
  msix.request(2047);
  t.deepEqual(irqCalls(script), [
    'irqs msix eventfd|trigger 0+2048 [null x 2048]',
    'irqs msix eventfd|trigger 0+1 [e0]',
    'irqs msix eventfd|trigger 2047+1 [e1]',
  ]);
});

for (const refusal of [3, new VfioError({ code: 'ENOSPC' })]) {
  const how = typeof refusal === 'number' ? 'a positive return value' : 'ENOSPC';

  test(`with too few host vectors (${how}), the announced number of vectors is enabled`, (t) => {
    const { device, script, connection } = openFake(withNoresize(64));
    const { msix } = device.interrupts;
    connection.irqAnswers.push(refusal);
    msix.enable({ vectors: 3 });
    msix.request(2);
    t.deepEqual(irqCalls(script), [
      'irqs msix eventfd|trigger 0+64 [null x 64]',
      'irqs msix eventfd|trigger 0+3 [null x 3]',
      'irqs msix eventfd|trigger 2+1 [e0]',
    ]);
    const beyond = t.throws(() => msix.request(3), { instanceOf: VfioError, code: 'EINVAL' });
    t.regex(beyond.message, /vector 3 exceeds the 3 enabled vectors/);
    t.regex(beyond.hint ?? '', /interrupts\.msix\.enable\(\{ vectors: 4 \}\)/);
    t.throws(
      () => {
        msix.enable({ vectors: 4 });
      },
      { code: 'EINVAL' },
    );
    msix.enable({ vectors: 3 });
    t.deepEqual(script.take(), [], 'a refused enable() disables no vector');
    t.truthy(msix.vector(2));
  });

  test(`with too few host vectors (${how}), the first request(n) enables n + 1 vectors`, (t) => {
    const { device, script, connection } = openFake();
    connection.irqAnswers.push(refusal);
    device.interrupts.msi.request(1);
    t.deepEqual(irqCalls(script), [
      'irqs msi eventfd|trigger 0+4 [null x 4]',
      'irqs msi eventfd|trigger 0+2 [null,null]',
      'irqs msi eventfd|trigger 1+1 [e0]',
    ]);
    t.throws(() => device.interrupts.msi.request(2), { code: 'EINVAL' });
  });
}

test('if the host has fewer vectors than the kernel announced, the ENOSPC error states how many', (t) => {
  const { device, script, connection } = openFake();
  const { msi, intx } = device.interrupts;
  connection.irqAnswers.push(1, 1);
  const error = t.throws(
    () => {
      msi.enable({ vectors: 2 });
    },
    { instanceOf: VfioError },
  );
  t.like(error, { code: 'ENOSPC', syscall: 'VFIO_DEVICE_SET_IRQS', available: 1 });
  t.regex(error.message, /the host has only 1 of 2 msi vectors/);
  t.like(error.with({ path: 'again' }), { available: 1, path: 'fake:device' });
  t.false(msi.active);
  script.take();
  connection.irqAnswers.push(1);
  t.like(
    t.throws(() => {
      msi.enable({ vectors: 4 });
    }),
    { available: 1 },
  );
  t.deepEqual(irqCalls(script), ['irqs msi eventfd|trigger 0+4 [null x 4]'], 'no second call');
  t.notThrows(() => intx.request());
});

test('if SET_IRQS fails with ENOSPC twice, the second error is thrown unchanged', (t) => {
  const { device, connection } = openFake();
  const spent = new VfioError({ code: 'ENOSPC', syscall: 'VFIO_DEVICE_SET_IRQS' });
  connection.irqAnswers.push(spent, spent);
  t.is(
    t.throws(() => device.interrupts.msi.request(0)),
    spent,
  );
});

test('without NORESIZE, a positive return value of SET_IRQS gives ENOSPC', (t) => {
  const { device, connection, script } = openFake();
  connection.irqAnswers.push(7);
  t.like(
    t.throws(() => device.interrupts.msix.request(0)),
    { code: 'ENOSPC', available: 7 },
  );
  t.is(connection.eventfds.length, 0);
  t.false(device.interrupts.msix.active);
  script.take();
  device.interrupts.msix.request(0);
  t.is(irqCalls(script).length, 2);
});

test('if the kernel refuses to enable MSI with EINVAL, the library does not retry', (t) => {
  const { device, connection, script } = openFake();
  connection.irqAnswers.push(new VfioError({ code: 'EINVAL' }));
  t.throws(() => device.interrupts.msi.request(0), { code: 'EINVAL' });
  t.is(irqCalls(script).length, 1);
});

test('wrong arguments are refused before any call to the back end', (t) => {
  const { device, script } = openFake((connection) => {
    connection.irqs[1] = { count: 0, flags: 9 };
  });
  const { msi, msix } = device.interrupts;
  t.is(msi.count + msix.count, 8);
  script.take();
  for (const vector of [-1, 8]) {
    t.throws(() => msix.request(vector), { instanceOf: RangeError, message: /has 8 of msix/ });
  }
  t.throws(() => msix.request(0.5), { instanceOf: RangeError });
  t.throws(() => msi.request(0), {
    instanceOf: RangeError,
    message: 'the device has no msi; the device has intx and msix',
  });
  t.throws(
    () => {
      msi.enable();
    },
    { instanceOf: RangeError },
  );
  t.throws(
    () => {
      msix.enable({ vectors: 9 });
    },
    { instanceOf: RangeError },
  );
  t.throws(() => msix.request(0, { eventfd: 3 as never }), { instanceOf: TypeError });
  t.true(script.take().every((call) => call.startsWith('getIrqInfo')));
});

test('a second request of the same vector gives EBUSY', (t) => {
  const { device, script } = openFake();
  device.interrupts.msix.request(3);
  script.take();
  t.throws(() => device.interrupts.msix.request(3), {
    code: 'EBUSY',
    message: /vector 3 is in use/,
  });
  t.deepEqual(script.take(), []);
});

test('while one of INTx, MSI and MSI-X is active, a request of another index gives EBUSY', (t) => {
  const { device, script } = openFake();
  const { intx, msi, msix } = device.interrupts;
  msix.request(0);
  t.true(intx.count + msi.count > 0);
  script.take();
  const error = t.throws(() => msi.request(0), { instanceOf: VfioError });
  t.like(error, { code: 'EBUSY', hint: 'Call device.interrupts.msix.disable() first.' });
  t.regex(error.message, /msi cannot be enabled while msix is active/);
  t.throws(() => intx.request(), { code: 'EBUSY', message: /msix is active/ });
  t.deepEqual(script.take(), []);
  msix.disable();
  const line = intx.request();
  t.throws(() => msix.request(0), { code: 'EBUSY', message: /intx is active/ });
  line.close();
  t.notThrows(() => msi.request(0));
});

test('if a step of a request fails, the earlier steps are undone', (t) => {
  const { device, script, connection } = openFake();
  const { msix } = device.interrupts;
  msix.enable();
  connection.script.fail('createEventfd');
  t.throws(() => msix.request(1), { code: 'EIO' });
  connection.script.fail('createEventSet');
  t.throws(() => msix.request(1), { code: 'EIO' });
  t.true(connection.eventfds[0]?.closed);
  connection.script.fail('set.add');
  t.throws(() => msix.request(1), { code: 'EIO' });
  t.true(connection.eventfds[1]?.closed);
  script.take();
  connection.script.fail('irqs', new VfioError({ code: 'ENOMEM' }));
  t.throws(() => msix.request(1), { code: 'ENOMEM' });
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 0 plain',
    'irqs msix eventfd|trigger 1+1 [e2]',
    'set.remove 0',
    'eventfd.close 2',
  ]);
  t.is(msix.vector(1), undefined);
  t.true(msix.active, 'an index that was enabled before stays enabled');
  t.is(connection.set.slots.size, 0);
  t.notThrows(() => msix.request(1));
});

test('if the first request fails, the index is disabled again', (t) => {
  const { device, script, connection } = openFake();
  connection.script.fail('irqs', new VfioError({ code: 'EIO' }), 2);
  t.throws(() => device.interrupts.msix.request(0), { code: 'EIO' });
  t.deepEqual(irqCalls(script), [
    'irqs msix eventfd|trigger 0+1 [null]',
    'irqs msix eventfd|trigger 0+1 [e0]',
    'irqs msix none|trigger 0+0',
  ]);
  t.false(device.interrupts.msix.active);
  t.true(connection.eventfds.every(({ closed }) => closed));
});

test('closing a vector does not close an eventfd that the program passed to request()', (t) => {
  const { device, connection } = openFake();
  const eventfd = new FakeEventfd(connection.script, 99);
  const vector = device.interrupts.msix.request(0, { eventfd });
  t.is(vector.eventfd, eventfd);
  t.is(connection.eventfds.length, 0);
  vector.close();
  t.false(eventfd.closed);
});

test('closing a vector unbinds and closes its eventfd, and the index stays enabled', (t) => {
  const { device, script } = openFake();
  const { msix } = device.interrupts;
  const vector = msix.request(4);
  script.take();
  vector.close();
  vector.close();
  t.deepEqual(script.take(), [
    'irqs msix eventfd|trigger 4+1 [null]',
    'set.remove 0',
    'eventfd.close 0',
  ]);
  t.true(vector.closed);
  t.true(msix.active);
  t.is(msix.vector(4), undefined);
  msix.request(4);
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 0 plain',
    'irqs msix eventfd|trigger 4+1 [e1]',
  ]);
});

test('closing a vector releases its eventfd even if the kernel gives an error', (t) => {
  const { device, connection } = openFake();
  const vector = device.interrupts.msix.request(0);
  connection.script.fail('irqs');
  t.throws(
    () => {
      vector.close();
    },
    { code: 'EIO' },
  );
  t.true(vector.closed);
  t.true(connection.eventfds[0]?.closed);
  t.is(connection.set.slots.size, 0);
});

test('disable() disables the index with one call and closes its vectors', (t) => {
  const { device, script, connection } = openFake(withNoresize(4));
  const { msix } = device.interrupts;
  const vectors = [0, 1].map((n) => msix.request(n));
  script.take();
  msix.disable();
  msix.disable();
  t.deepEqual(script.take(), [
    'irqs msix none|trigger 0+0',
    'set.remove 0',
    'eventfd.close 0',
    'set.remove 1',
    'eventfd.close 1',
  ]);
  t.true(vectors.every(({ closed }) => closed));
  t.false(msix.active);
  connection.irqAnswers.push(2);
  msix.request(0);
  t.throws(() => msix.request(1), { code: 'EINVAL' });
});

test('after a failed disable(), the index stays active and can be disabled again', (t) => {
  const { device, connection } = openFake();
  const { msix } = device.interrupts;
  const vector = msix.request(0);
  connection.script.fail('irqs');
  t.throws(
    () => {
      msix.disable();
    },
    { code: 'EIO' },
  );
  t.false(vector.closed);
  t.true(msix.active);
  msix.disable();
  t.true(vector.closed);
});

test('trigger(), getAffinity() and setAffinity() pass the number of the vector', (t) => {
  const { device, script } = openFake();
  const vector = device.interrupts.msix.request(2);
  script.take();
  vector.trigger();
  t.deepEqual(vector.getAffinity(), [0, 1]);
  vector.setAffinity([1]);
  t.deepEqual(script.take(), [
    'irqs msix none|trigger 2+1',
    'getAffinity 2 2',
    'setAffinity 2 2 1',
  ]);
  for (const cpus of [[], [-1], [0.5]]) {
    t.throws(
      () => {
        vector.setAffinity(cpus);
      },
      { instanceOf: RangeError },
    );
  }
  for (const cpus of [1, ['0']]) {
    t.throws(
      () => {
        vector.setAffinity(cpus as never);
      },
      { instanceOf: TypeError },
    );
  }
  t.deepEqual(script.take(), []);
});

test('every use of a closed vector throws EBADF', async (t) => {
  const { device, script } = openFake();
  const vector = device.interrupts.msix.request(2);
  vector.close();
  script.take();
  const uses = [
    () => {
      vector.trigger();
    },
    () => vector.getAffinity(),
    () => {
      vector.setAffinity([0]);
    },
  ];
  for (const use of uses) t.throws(use, { code: 'EBADF', message: /msix vector 2 is closed/ });
  await t.throwsAsync(vector.next(), { code: 'EBADF' });
  t.is(vector.ref().unref(), vector);
  t.deepEqual(script.take(), []);
});
