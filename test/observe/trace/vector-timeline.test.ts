import test from 'ava';
import { Resolution } from '../../../lib/observe/trace/bounded-list.js';
import { VectorBuilder } from '../../../lib/observe/trace/vector-timeline.js';

const NAME = { device: 'd', irq: 'msix', vector: 3 };

/** Deliveries after more than 1000 ns are late. */
function finish(builder: VectorBuilder, end: number) {
  builder.end(end);
  return builder.build(NAME, 1000);
}

function build(fill: (builder: VectorBuilder) => void) {
  const builder = new VectorBuilder(new Resolution());
  fill(builder);
  return finish(builder, 99_999).interrupts;
}

const ONE = { entries: 1 };

test('a delivery covers the interrupts since the previous delivery', (t) => {
  const interrupts = build((vector) => {
    vector.signal(100, 1);
    vector.deliver(150, 170, 1);
    vector.signal(200, 2);
    vector.signal(210, 3);
    vector.deliver(260, 270, 3);
    vector.leave(300, 3);
  });
  t.deepEqual(interrupts, [
    { at: 100, delivered: 150, end: 170, count: 1, state: 'delivered', waited: 50, ...ONE },
    { at: 200, delivered: 260, end: 270, count: 2, state: 'delivered', waited: 60, ...ONE },
  ]);
});

test('a delivery is late if its first interrupt waited longer than the limit', (t) => {
  const [first, second] = build((vector) => {
    vector.signal(0, 1);
    vector.signal(900, 2);
    vector.deliver(1001, 1002, 2);
    vector.signal(2000, 3);
    vector.deliver(3000, 3001, 3);
  });
  t.like(first, { at: 0, count: 2, state: 'late' });
  t.like(second, { at: 2000, state: 'delivered' });
});

test('if an eventfd is removed from its event set, interrupts after the last delivery are lost', (t) => {
  const interrupts = build((vector) => {
    vector.signal(10, 1);
    vector.deliver(20, 21, 1);
    vector.signal(30, 2);
    vector.signal(31, 3);
    vector.leave(40, 3);
    vector.signal(50, 1);
    vector.deliver(60, 61, 1);
    vector.leave(70, 1);
  });
  t.like(interrupts[1], { at: 30, delivered: null, end: 40, count: 2, state: 'lost' });
  t.like(interrupts[2], { at: 50, count: 1, state: 'delivered' });
  t.is(interrupts.length, 3);
});

test('if the tracer notices a signal after its delivery, no interrupt counts as late or lost', (t) => {
  const interrupts = build((vector) => {
    vector.deliver(100, 101, 1);
    vector.signal(105, 1);
    vector.signal(9000, 2);
    vector.deliver(9010, 9011, 2);
    vector.leave(9500, 2);
  });
  t.deepEqual(
    interrupts.map(({ at, state }) => [at, state]),
    [
      [100, 'delivered'],
      [9000, 'delivered'],
    ],
  );
});

test('if each delivery reads the counter, signals are assigned to deliveries by their times', (t) => {
  const interrupts = build((vector) => {
    vector.signal(100, undefined);
    vector.deliver(110, 111, 4);
    vector.signal(200, undefined);
    vector.deliver(2000, 2001, 5);
    vector.leave(2100, 7);
  });
  t.deepEqual(
    interrupts.map(({ at, waited, count, state }) => [at, waited, count, state]),
    [
      [100, 10, 4, 'delivered'],
      [200, 1800, 1, 'late'],
      [2100, null, 2, 'lost'],
    ],
  );
});

test('if all interrupts were delivered already, the next delivery has the count 0', (t) => {
  const interrupts = build((vector) => {
    vector.signal(1, 2);
    vector.deliver(5, 6, 2);
    vector.deliver(7, 8, 2);
    vector.leave(9, 2);
  });
  t.like(interrupts[1], { count: 0, waited: null, state: 'delivered' });
  t.is(interrupts.length, 2);
});

test('undelivered interrupts of a killed program count as lost', (t) => {
  const interrupts = build((vector) => {
    vector.signal(1, 1);
    vector.signal(2, 2);
  });
  t.is(interrupts.length, 1);
  t.like(interrupts[0], { at: 1, delivered: null, end: 99_999, count: 2, state: 'lost' });
});

test('a million deliveries are matched with their signals', (t) => {
  const builder = new VectorBuilder(new Resolution());
  for (let i = 1; i <= 1_000_000; i++) {
    builder.signal(i * 100, i);
    builder.deliver(i * 100 + 30 + (i % 5), i * 100 + 50, i);
  }
  builder.leave(1e9, 1_000_003);
  const { figures, interrupts } = finish(builder, 1e9);
  t.deepEqual(figures, {
    ...{ interrupts: 1_000_003, deliveries: 1_000_000, late: 0, lost: 3 },
    latency: { median: 32, max: 34 },
  });
  t.is(
    interrupts.reduce((n, { count }) => n + count, 0),
    1_000_003,
  );
  t.true(interrupts.length < 200_000);
});

test('a storm of signals without deliveries needs bounded memory', (t) => {
  const builder = new VectorBuilder(new Resolution());
  for (let i = 1; i <= 1_000_000; i++) builder.signal(i * 100, i);
  const [lost] = finish(builder, 1e9).interrupts;
  t.like(lost, { at: 100, state: 'lost' });
  t.true((lost?.count ?? 0) > 999_000);
});
