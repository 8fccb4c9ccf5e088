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

test('signalEventfds() uses no value as a file descriptor that is not a descriptor', (t) => {
  const signal = () => undefined;
  const good = createEventfd();
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ signal }, /^fd of an eventfd must be a number, not undefined/],
    [{ fd: '1', signal }, /^fd of an eventfd must be a number, not a string/],
    [{ fd: 1n, signal }, /^fd of an eventfd must be a number, not a bigint/],
    [{ fd: null }, /^eventfd must be an Eventfd, but has no method signal\(\)/],
    [null, /^eventfd must be an Eventfd, not null/],
    [undefined, /^eventfd must be an Eventfd, not undefined/],
    [1, /^eventfd must be an Eventfd, not a number/],
  ];
  for (const [eventfd, message] of wrong) {
    const call = () => {
      signalEventfds([good, eventfd as never]);
    };
    t.throws(call, { instanceOf: TypeError, message });
  }
  for (const fd of [0.5, -1, NaN, 2 ** 31, Infinity]) {
    const call = () => {
      signalEventfds([good, { fd, signal } as never]);
    };
    t.throws(call, { instanceOf: RangeError, message: /^fd of an eventfd must be an integer/ });
  }
  for (const list of [undefined, null, 5, good, new Set([good])]) {
    const call = () => {
      signalEventfds(list as never);
    };
    t.throws(call, { instanceOf: TypeError, message: /^eventfds must be an array, not / });
  }
  t.is(good.read(), 0n);
  good.close();
});

test('signalEventfds() calls signal() of an eventfd without a descriptor', (t) => {
  let signals = 0;
  signalEventfds([{ fd: null, signal: () => signals++ } as never]);
  t.is(signals, 1);
  t.throws(
    () => {
      mock.signalEventfds([{ fd: 1 } as never]);
    },
    {
      instanceOf: TypeError,
      message: /^an eventfd must be an Eventfd, but has no method signal\(\)/,
    },
  );
});
