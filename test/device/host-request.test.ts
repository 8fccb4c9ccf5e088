import { once } from 'node:events';
import test from 'ava';
import { closeOnHostRequest } from '../../lib/device/device.js';
import { VfioError } from '../../lib/errors.js';
import { openFake } from './fake.js';

/** Opens a device that closes itself on REQ, like a device of `openDevice()`. */
function openWithDefault() {
  const fake = openFake();
  closeOnHostRequest(fake.device);
  const [defaultEventfd] = fake.connection.eventfds;
  if (defaultEventfd === undefined) throw new Error('no eventfd is bound to REQ');
  return { ...fake, defaultEventfd };
}

const warning = async () => (await once(process, 'warning'))[0] as Error & { code?: string };

test.serial('by default, REQ closes the device and emits a warning', async (t) => {
  const { device, connection, defaultEventfd, script } = openWithDefault();
  t.false(connection.set.referenced);
  const vector = device.interrupts.msix.request(0);
  const waiting = vector.next();
  const warned = warning();
  connection.set.fire(defaultEventfd);
  t.true(device.closed && script.closed && defaultEventfd.closed && vector.closed);
  t.like(await warned, { name: 'VfioWarning', code: 'VFIO_HOST_REQUEST' });
  await t.throwsAsync(waiting, { code: 'ECANCELED' });
  const error = t.throws(() => device.config.read8(0), { instanceOf: VfioError });
  t.is(error.code, 'EBADF');
  t.regex(error.hint ?? '', /The host requested the device back/);
});

test.serial('by default, REQ also closes a device that has an open poller', async (t) => {
  const { device, connection, defaultEventfd } = openWithDefault();
  const poller = device.interrupts.poll();
  connection.set.queue.push([[connection.set.slotOf(defaultEventfd), 1n]]);
  const warned = warning();
  t.is(poller.wait(), 1);
  t.true(device.closed);
  t.throws(() => poller.wait(), { code: 'EBADF' });
  poller.close();
  await warned;
});

test('after REQ closes the device, other vectors of the same wake get no delivery', (t) => {
  const { device, connection, defaultEventfd } = openWithDefault();
  const vector = device.interrupts.msix.request(0);
  let heard = 0;
  vector.on('interrupt', () => heard++);
  process.once('warning', () => undefined);
  connection.set.fire(defaultEventfd, vector.eventfd);
  t.is(heard, 0);
  t.true(device.closed);
});

test('a requested REQ vector replaces the default REQ vector until it is closed', (t) => {
  const { device, connection, script, defaultEventfd } = openWithDefault();
  script.take();
  const vector = device.interrupts.req.request();
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 1 plain',
    'irqs req eventfd|trigger 0+1 [e1]',
    'set.remove 0',
    'eventfd.close 0',
  ]);
  t.true(defaultEventfd.closed);
  connection.set.fire(vector.eventfd);
  t.false(device.closed);
  vector.close();
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 0 plain',
    'irqs req eventfd|trigger 0+1 [e2]',
    'set.remove 1',
    'eventfd.close 1',
  ]);
  t.is(device.interrupts.req.vector, undefined);
  device.close();
  t.deepEqual(script.take(), ['set.remove 0', 'eventfd.close 2', 'set.close', 'close']);
});

test('if the request of the REQ vector fails, the default vector stays bound', (t) => {
  const { device, connection, script, defaultEventfd } = openWithDefault();
  script.fail('irqs');
  t.throws(() => device.interrupts.req.request(), { code: 'EIO' });
  t.false(defaultEventfd.closed);
  t.is(connection.set.slotOf(defaultEventfd), 0);
  t.is(device.interrupts.req.vector, undefined);
  device.close();
});

test('closing the device closes the REQ vector and does not restore the default REQ vector', (t) => {
  const { device, script, connection } = openWithDefault();
  const vector = device.interrupts.req.request();
  script.take();
  device.close();
  t.true(vector.closed);
  t.is(connection.eventfds.filter(({ closed }) => !closed).length, 0);
  t.deepEqual(script.take(), [
    'irqs req eventfd|trigger 0+1 [null]',
    'set.remove 1',
    'eventfd.close 1',
    'set.close',
    'close',
  ]);
});

test('a device without REQ has no default REQ vector', (t) => {
  const { device, script } = openFake(({ irqs }) => {
    irqs[4] = { count: 0, flags: 0 };
  });
  closeOnHostRequest(device);
  t.deepEqual(script.take(), ['getIrqInfo 4']);
});
