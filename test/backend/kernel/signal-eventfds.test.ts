import test from 'ava';
import { createEventfd, signalEventfds } from '../../../lib/index.js';
import * as mock from '../../../lib/mock.js';

test('signalEventfds() signals each eventfd once, for kernel eventfds and mock eventfds', (t) => {
  const eventfds = [createEventfd(), mock.createEventfd(), createEventfd()];
  signalEventfds(eventfds);
  signalEventfds(eventfds.slice(0, 2));
  signalEventfds([]);
  t.deepEqual(
    eventfds.map((eventfd) => eventfd.read()),
    [2n, 2n, 1n],
  );
  for (const eventfd of eventfds) eventfd.close();
});

test('signalEventfds() refuses a closed eventfd before any eventfd of the kernel is signalled', (t) => {
  const [first, closed] = [createEventfd(), createEventfd()];
  closed.close();
  t.throws(
    () => {
      signalEventfds([first, closed]);
    },
    { code: 'EBADF', message: 'EBADF: the eventfd is closed' },
  );
  t.is(first.read(), 0n);
  first.close();
});

test('signalEventfds() of vfio/mock signals mock eventfds', (t) => {
  const eventfds = [mock.createEventfd(), mock.createEventfd()];
  mock.signalEventfds(eventfds);
  t.deepEqual(
    eventfds.map((eventfd) => eventfd.read()),
    [1n, 1n],
  );
});
