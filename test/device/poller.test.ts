import test from 'ava';
import { fds, openFake, withVectors } from './fake.js';

test('while a poller is open, listeners run inside wait() and spin()', (t) => {
  const { device, a, set, script } = withVectors(1);
  a.on('interrupt', (count) => script.calls.push(`interrupt ${count.toString()}`));
  script.take();
  const poller = device.interrupts.poll();
  t.is(set.served, null);
  set.queue.push([[0, 1n]], [[0, 1n]]);
  t.is(poller.wait(), 1);
  t.is(poller.spin(50), 1);
  t.is(poller.wait(0), 0);
  poller.close();
  poller.close();
  t.deepEqual(script.take(), [
    'set.pause',
    'set.wait -1',
    'interrupt 1',
    'set.spin 50',
    'interrupt 1',
    'set.wait 0',
    'set.serve',
    'set.ref',
  ]);
  t.true(set.referenced);
});

test('a second poller, a wrong timeout, and a call of a closed poller are refused', (t) => {
  const { device, script } = withVectors(1);
  const poller = device.interrupts.poll();
  t.throws(() => device.interrupts.poll(), { code: 'EBUSY' });
  script.take();
  for (const timeout of [-2, 2 ** 31]) {
    t.throws(() => poller.wait(timeout), { instanceOf: RangeError });
  }
  t.throws(() => poller.spin(-1), { instanceOf: RangeError });
  t.throws(() => poller.wait(0.5), { instanceOf: RangeError });
  poller[Symbol.dispose]();
  script.take();
  t.throws(() => poller.wait(), { code: 'EBADF' });
  t.throws(() => poller.spin(1), { code: 'EBADF' });
  t.deepEqual(script.take(), []);
  t.notThrows(() => {
    device.interrupts.poll().close();
  });
});

test('a listener added while a poller is open keeps the process alive after the poller is closed', (t) => {
  const { device, connection, script } = openFake();
  const poller = device.interrupts.poll();
  const vector = device.interrupts.msix.request(0);
  const listener = () => undefined;
  vector.on('interrupt', listener);
  t.false(script.take().includes('set.ref'));
  poller.close();
  t.true(connection.set.referenced);
  const again = device.interrupts.poll();
  vector.off('interrupt', listener);
  again.close();
  t.false(connection.set.referenced);
});

test('wait() throws the errors of listeners after all listeners were called', (t) => {
  const { device, a, b, c, set } = withVectors(3);
  const log: string[] = [];
  a.on('interrupt', () => {
    throw new Error('of a');
  });
  b.on('interrupt', () => log.push('b'));
  const poller = device.interrupts.poll();
  const all = [a, b, c].map(({ eventfd }) => [set.slotOf(eventfd), 1n] as const);
  set.queue.push(all, all);
  t.throws(() => poller.wait(), { message: 'of a' });
  t.deepEqual(log, ['b']);
  c.on('interrupt', () => {
    throw new Error('of c');
  });
  const error = t.throws(() => poller.wait(), { instanceOf: AggregateError });
  t.deepEqual(
    (error.errors as Error[]).map(({ message }) => message),
    ['of a', 'of c'],
  );
});

test('if a listener calls wait() or spin() of its own device, the call gives EDEADLK', (t) => {
  const { device, a, b, set } = withVectors(2);
  const log: unknown[] = [];
  a.on('interrupt', () => {
    // A call of wait() in a listener would overwrite the signals that are not yet delivered.
    using poller = device.interrupts.poll();
    t.throws(() => poller.wait(0), { code: 'EDEADLK' });
    t.throws(() => poller.spin(0), { code: 'EDEADLK' });
  });
  b.on('interrupt', () => log.push('b'));
  set.fire(...fds([a, b]));
  t.deepEqual(log, ['b']);
  a.removeAllListeners();
  const poller = device.interrupts.poll();
  set.queue.push([[0, 1n]]);
  t.is(poller.wait(), 1);
});

test('after the device is closed, wait() of an open poller gives EBADF', (t) => {
  const { device, script } = withVectors(1);
  const poller = device.interrupts.poll();
  device.close();
  script.take();
  t.throws(() => poller.wait(), { code: 'EBADF' });
  t.notThrows(() => {
    poller.close();
  });
  t.deepEqual(script.take(), []);
});
