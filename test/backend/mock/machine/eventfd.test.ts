import test from 'ava';
import type { Eventfd } from '../../../../lib/contract/index.js';
import {
  MockEventfd,
  mockEventfd,
  signalledEventfd,
} from '../../../../lib/backend/mock/machine/eventfd.js';
import { Virqfd } from '../../../../lib/backend/mock/machine/virqfd.js';
import { VfioError } from '../../../../lib/errors.js';
import { fails } from '../support.js';

const MAX = 2n ** 64n - 2n;

test('a read resets the counter; reading a counter of 0 returns 0', (t) => {
  const eventfd = new MockEventfd();
  t.is(eventfd.read(), 0n);
  eventfd.signal();
  eventfd.signal(41n);
  t.is(eventfd.read(), 42n);
  t.is(eventfd.read(), 0n);
  t.is(eventfd.fd, null);
});

test('a write that would overflow the counter fails with EAGAIN and changes nothing', (t) => {
  const eventfd = new MockEventfd();
  eventfd.signal(MAX);
  fails(t, 'EAGAIN', () => {
    eventfd.signal();
  });
  t.is(eventfd.read(), MAX);
});

test('interrupts can increase the counter up to 2^64 - 1', (t) => {
  const eventfd = new MockEventfd();
  eventfd.signal(MAX);
  eventfd.raise();
  eventfd.raise();
  t.is(eventfd.read(), MAX + 1n);
});

test('signal() throws a RangeError for a count that eventfd(2) refuses', (t) => {
  const eventfd = new MockEventfd();
  for (const count of [-1n, MAX + 1n, 2n ** 64n]) {
    t.throws(
      () => {
        eventfd.signal(count);
      },
      { instanceOf: RangeError },
    );
  }
  t.is(eventfd.read(), 0n);
});

test('a wrong count throws a RangeError even after close()', (t) => {
  const eventfd = new MockEventfd();
  eventfd.close();
  t.throws(
    () => {
      eventfd.signal(MAX + 1n);
    },
    { instanceOf: RangeError },
  );
});

test('after close(), read() and signal() fail with EBADF, and an interrupt has no effect', (t) => {
  const eventfd = new MockEventfd();
  eventfd.close();
  eventfd.close();
  t.throws(() => eventfd.read(), { code: 'EBADF' });
  t.throws(
    () => {
      eventfd.signal();
    },
    { code: 'EBADF' },
  );
  t.notThrows(() => {
    eventfd.raise();
  });
});

test('an interrupt signals an eventfd of the kernel; a full or closed eventfd drops the signal', (t) => {
  let signals = 0;
  let failure: Error | null = null;
  const kernel: Eventfd = {
    fd: 7,
    signal() {
      if (failure !== null) throw failure;
      signals++;
    },
    read: () => 0n,
    close: () => undefined,
  };
  const forwarded = signalledEventfd(kernel);
  t.is(signalledEventfd(kernel), forwarded);
  forwarded.raise();
  t.is(signals, 1);
  failure = new VfioError({ code: 'EAGAIN' });
  t.notThrows(() => {
    forwarded.raise();
  });
  t.throws(() => new Virqfd(forwarded, () => undefined), { code: 'ENOTSUP' });
  t.throws(() => mockEventfd(kernel), { instanceOf: TypeError });
  t.throws(() => signalledEventfd({ ...kernel, fd: null }), { instanceOf: TypeError });
});
