import test from 'ava';
import { createEventfd as createKernelEventfd } from '../../../lib/index.js';
import { createEventfd as createMockEventfd } from '../../../lib/mock.js';
import { now } from '../../../lib/observe/trace/clock.js';
import { Meters } from '../../../lib/observe/trace/meters.js';

/** Stays in this call, so that only another thread can see anything. */
function busyUntil(done: () => boolean): void {
  const end = performance.now() + 20_000;
  while (!done() && performance.now() < end);
}

for (const [kind, createEventfd] of [
  ['kernel', createKernelEventfd],
  ['mock', createMockEventfd],
] as const) {
  test(`${kind}: signals are seen while this thread is busy, and none is taken`, (t) => {
    const seen: { at: number; total: number | undefined }[] = [];
    const meters = new Meters((_, at, total) => seen.push({ at, total }));
    const eventfd = createEventfd();
    const meter = meters.meter(eventfd, false);
    const sees = (n: number) => () => {
      meters.flush();
      return seen.length >= n;
    };
    eventfd.signal();
    busyUntil(sees(1));
    const between = now();
    eventfd.signal(2n);
    busyUntil(sees(2));
    t.is(meter.total(0n), 3);
    meter.stop();
    const [first, second] = seen;
    t.is(seen.length, 2);
    t.true((first?.at ?? Infinity) < between);
    t.true((second?.at ?? 0) >= between);
    t.deepEqual([first?.total, second?.total], [1, 3]);
    t.is(kind === 'kernel' ? eventfd.read() : 0n, 0n, 'who leaves takes what is left');
    eventfd.close();
  });

  test(`${kind}: what a delivery reads counts as well`, (t) => {
    const meters = new Meters(() => undefined);
    const eventfd = createEventfd();
    const meter = meters.meter(eventfd, true);
    eventfd.signal(3n);
    t.is(meter.total(eventfd.read()), 3);
    eventfd.signal(2n);
    t.is(meter.total(0n), 5);
    meter.stop();
    eventfd.close();
  });

  test(`${kind}: nothing is told after the end, and another eventfd takes the place`, (t) => {
    const seen: unknown[] = [];
    const meters = new Meters((eventfd) => seen.push(eventfd));
    const [a, b] = [createEventfd(), createEventfd()];
    meters.meter(a, false).stop();
    a.signal();
    const meter = meters.meter(b, false);
    b.signal();
    busyUntil(() => {
      meters.flush();
      return seen.length > 0;
    });
    meter.stop();
    t.deepEqual(seen, [b]);
    a.close();
    b.close();
  });
}
