import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Eventfd } from '../../../lib/contract/index.js';
import { KernelEventSet } from '../../../lib/backend/linux/event-set.js';
import { KernelEventfd } from '../../../lib/backend/linux/eventfd.js';
import { native } from '../../../lib/native/binding.js';
import { collectGarbage } from '../../native/helpers.js';
import { make } from '../kernel/backend.js';
import { goodHost } from '../../sysfs/tree.js';

function open(t: ExecutionContext) {
  const { fake, backend } = make(goodHost(t));
  const device = backend.openSync('01:00.0', {});
  fake.calls.length = 0;
  return { fake, device };
}

test('an eventfd can be signalled, read and closed, and a second close has no effect', (t) => {
  const { fake, device } = open(t);
  const eventfd = device.createEventfd();
  t.is(eventfd.fd, 103);
  eventfd.signal();
  eventfd.signal(2n ** 64n - 2n);
  t.is(eventfd.read(), 0n);
  for (const count of [-1n, 2n ** 64n - 1n]) {
    t.throws(
      () => {
        eventfd.signal(count);
      },
      { instanceOf: RangeError },
    );
  }
  eventfd.close();
  eventfd.close();
  t.is(eventfd.fd, null);
  t.deepEqual(fake.drainCalls(), [
    'eventfdCreate',
    'eventfdSignal',
    'eventfdSignal',
    'eventfdRead',
    'close',
  ]);
  t.throws(
    () => {
      eventfd.signal();
    },
    { code: 'EBADF' },
  );
  t.throws(() => eventfd.read(), { code: 'EBADF' });
  const irq = { index: 2, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] };
  t.throws(() => device.setIrqs(irq), { code: 'EBADF', message: /the eventfd is closed/ });
});

test('an event set refuses a slot beyond its capacity and an eventfd without a file descriptor', (t) => {
  const { fake, device } = open(t);
  const set = device.createEventSet(2);
  const eventfd = device.createEventfd();
  t.deepEqual([set.fired.length, set.counts.length], [2, 2]);
  set.add(1, eventfd, true);
  t.is(fake.calls.at(-1), 'eventSetAdd [object Object] 1 103 true');
  set.remove(1);
  for (const slot of [-1, 2, 0.5]) {
    t.throws(
      () => {
        set.add(slot, eventfd, false);
      },
      { instanceOf: RangeError },
    );
    t.throws(
      () => {
        set.remove(slot);
      },
      { instanceOf: RangeError },
    );
  }
  const mockEventfd: Eventfd = { ...eventfd, fd: null };
  t.throws(
    () => {
      set.add(0, mockEventfd, false);
    },
    { instanceOf: TypeError },
  );
});

test('wait() and spin() are refused while the event loop serves the event set', (t) => {
  const { fake, device } = open(t);
  const set = device.createEventSet(1);
  fake.answers.eventSetWait = () => 1;
  t.is(set.wait(-1), 1);
  t.is(set.spin(10), 0);
  set.serve(() => undefined);
  t.throws(() => set.wait(0), { instanceOf: TypeError });
  t.throws(() => set.spin(0), { instanceOf: TypeError });
  set.pause();
  t.is(set.wait(0), 1);
  for (const timeout of [-2, 0.5, 2 ** 31, NaN]) {
    t.throws(() => set.wait(timeout), { instanceOf: RangeError });
  }
  t.throws(() => set.spin(-1), { instanceOf: RangeError });
});

test('use of a closed event set fails with EBADF, and a second close has no effect', (t) => {
  const { fake, device } = open(t);
  const eventfd = device.createEventfd();
  fake.drainCalls();
  const set = device.createEventSet(1);
  set.close();
  set.close();
  t.deepEqual(fake.drainCalls(), ['eventSetCreate', 'eventSetClose']);
  const uses: (() => unknown)[] = [
    () => {
      set.serve(() => undefined);
    },
    () => {
      set.pause();
    },
    () => set.wait(0),
    () => set.spin(0),
    () => {
      set.ref();
    },
    () => {
      set.unref();
    },
    () => {
      set.remove(0);
    },
    () => {
      set.add(0, eventfd, false);
    },
  ];
  for (const use of uses) t.throws(use, { code: 'EBADF', message: /closed/ });
});

test.serial('an event set that is served is not garbage collected', async (t) => {
  const calls = native();
  const eventfd = new KernelEventfd(calls);
  const fired: number[] = [];
  const serve = () => {
    const set = new KernelEventSet(calls, 1);
    set.add(0, eventfd, true);
    set.serve((n) => fired.push(n));
    return new WeakRef(set);
  };
  const served = serve();
  await collectGarbage();
  eventfd.signal();
  await setImmediate();
  t.deepEqual(fired, [1]);
  served.deref()?.close();
  await collectGarbage();
  t.is(served.deref(), undefined, 'a closed event set is collected');
  eventfd.close();
});
