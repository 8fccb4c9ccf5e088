import { once } from 'node:events';
import test from 'ava';
import { closeOnHostRequest } from '../../lib/device/device.js';
import { VfioError } from '../../lib/errors.js';
import { openFake } from './fake.js';

/** A device as `openDevice` gives it. */
function opened() {
  const fake = openFake();
  closeOnHostRequest(fake.device);
  const [standing] = fake.connection.eventfds;
  if (standing === undefined) throw new Error('nobody listens for the host');
  return { ...fake, standing };
}

const warning = async () => (await once(process, 'warning'))[0] as Error & { code?: string };

test.serial('by default the device closes itself, says so, and keeps no process', async (t) => {
  const { device, connection, standing, script } = opened();
  t.false(connection.set.referenced);
  const vector = device.interrupts.msix.request(0);
  const waiting = vector.next();
  const warned = warning();
  connection.set.fire(standing);
  t.true(device.closed && script.closed && standing.closed && vector.closed);
  t.like(await warned, { name: 'VfioWarning', code: 'VFIO_HOST_REQUEST' });
  await t.throwsAsync(waiting, { code: 'ECANCELED' });
  const error = t.throws(() => device.config.read8(0), { instanceOf: VfioError });
  t.is(error.code, 'EBADF');
  t.regex(error.hint ?? '', /The host wanted it back/);
});

test.serial('also while it is polled by hand', async (t) => {
  const { device, connection, standing } = opened();
  const poller = device.interrupts.poll();
  connection.set.queue.push([[connection.set.slotOf(standing), 1n]]);
  const warned = warning();
  t.is(poller.wait(), 1);
  t.true(device.closed);
  t.throws(() => poller.wait(), { code: 'EBADF' });
  poller.close();
  await warned;
});

test('what else fired in that wake does not reach a closed vector', (t) => {
  const { device, connection, standing } = opened();
  const vector = device.interrupts.msix.request(0);
  let heard = 0;
  vector.on('interrupt', () => heard++);
  process.once('warning', () => undefined);
  connection.set.fire(standing, vector.eventfd);
  t.is(heard, 0);
  t.true(device.closed);
});

test('a program takes it over, and gives it back, without a gap', (t) => {
  const { device, connection, script, standing } = opened();
  script.take();
  const vector = device.interrupts.req.request();
  t.deepEqual(script.take(), [
    'createEventfd',
    'set.add 1 plain',
    'irqs req eventfd|trigger 0+1 [e1]',
    'set.remove 0',
    'eventfd.close 0',
  ]);
  t.true(standing.closed);
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

test('a request that fails leaves the default', (t) => {
  const { device, connection, script, standing } = opened();
  script.fail('irqs');
  t.throws(() => device.interrupts.req.request(), { code: 'EIO' });
  t.false(standing.closed);
  t.is(connection.set.slotOf(standing), 0);
  t.is(device.interrupts.req.vector, undefined);
  device.close();
});

test('closing the device closes a vector of the program, and makes no default again', (t) => {
  const { device, script, connection } = opened();
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

test('a device without REQ has no default', (t) => {
  const { device, script } = openFake(({ irqs }) => {
    irqs[4] = { count: 0, flags: 0 };
  });
  closeOnHostRequest(device);
  t.deepEqual(script.take(), ['getIrqInfo 4']);
});
