import test from 'ava';
import { createEventfd as createKernelEventfd } from '../../../lib/index.js';
import { createEventfd as createMockEventfd } from '../../../lib/mock.js';
import { Guard } from '../../../lib/observe/guard.js';
import { now } from '../../../lib/observe/trace/clock.js';
import { SignalCounters } from '../../../lib/observe/trace/signal-counters.js';

const guard = new Guard('TEST', () => '');

/** Blocks the event loop. During this time, only another thread can see signals. */
function busyUntil(done: () => boolean): void {
  const end = performance.now() + 20_000;
  while (!done() && performance.now() < end);
}

for (const [kind, createEventfd] of [
  ['kernel', createKernelEventfd],
  ['mock', createMockEventfd],
] as const) {
  test(`${kind}: signals are counted while this thread is busy, without reading the eventfd`, (t) => {
    const seen: { at: number; total: number | undefined }[] = [];
    const counters = new SignalCounters(guard, (_, at, total) => seen.push({ at, total }));
    const eventfd = createEventfd();
    const counter = counters.create(eventfd, false);
    const sees = (n: number) => () => {
      counters.flush();
      return seen.length >= n;
    };
    eventfd.signal();
    busyUntil(sees(1));
    const between = now();
    eventfd.signal(2n);
    busyUntil(sees(2));
    t.is(counter.total(0n), 3);
    counter.stop();
    const [first, second] = seen;
    t.is(seen.length, 2);
    t.true((first?.at ?? Infinity) < between);
    t.true((second?.at ?? 0) >= between);
    t.deepEqual([first?.total, second?.total], [1, 3]);
    t.is(eventfd.read(), 3n, 'the program still receives the signals');
    eventfd.close();
  });

  test(`${kind}: signals are counted even if a delivery reads the eventfd`, (t) => {
    const counters = new SignalCounters(guard, () => undefined);
    const eventfd = createEventfd();
    const counter = counters.create(eventfd, true);
    eventfd.signal(3n);
    t.is(counter.total(eventfd.read()), 3);
    eventfd.signal(2n);
    t.is(counter.total(0n), 5);
    counter.stop();
    eventfd.close();
  });

  test(`${kind}: a stopped counter reports no further signals, and a new counter works`, (t) => {
    const seen: unknown[] = [];
    const counters = new SignalCounters(guard, (eventfd) => seen.push(eventfd));
    const [a, b] = [createEventfd(), createEventfd()];
    counters.create(a, false).stop();
    a.signal();
    const counter = counters.create(b, false);
    b.signal();
    busyUntil(() => {
      counters.flush();
      return seen.length > 0;
    });
    counter.stop();
    t.deepEqual(seen, [b]);
    a.close();
    b.close();
  });
}

test('signals beyond the size of the shared queue arrive in order', (t) => {
  const totals: number[] = [];
  const counters = new SignalCounters(guard, (_, _at, total) => totals.push(total ?? 0));
  const eventfd = createKernelEventfd();
  const counter = counters.create(eventfd, false);
  const COUNT = 12_000;
  for (let n = 0; n < COUNT; n++) {
    eventfd.signal();
    const end = performance.now() + 0.05;
    busyUntil(() => performance.now() > end);
  }
  busyUntil(() => {
    counters.flush();
    return totals.at(-1) === COUNT;
  });
  counter.stop();
  eventfd.close();
  counters.close();
  t.log(`${totals.length} of ${COUNT} signals seen alone`);
  t.is(totals.at(-1), COUNT);
  t.true(totals.every((total, i) => i === 0 || total >= (totals[i - 1] ?? 0)));
});
