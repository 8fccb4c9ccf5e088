import test from 'ava';
import { VectorBuilder } from '../../../lib/observe/trace/vector-timeline.js';

const NAME = { device: 'd', irq: 'msix', vector: 3 };

function build(fill: (builder: VectorBuilder) => void) {
  const builder = new VectorBuilder(1000);
  fill(builder);
  return builder.finish(NAME, 99_999).interrupts;
}

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
    { raised: 100, delivered: 150, done: 170, count: 1, state: 'delivered' },
    { raised: 200, delivered: 260, done: 270, count: 2, state: 'delivered' },
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
  t.like(first, { raised: 0, count: 2, state: 'late' });
  t.like(second, { raised: 2000, state: 'delivered' });
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
  t.deepEqual(interrupts[1], { raised: 30, delivered: null, done: 40, count: 2, state: 'lost' });
  t.like(interrupts[2], { raised: 50, count: 1, state: 'delivered' });
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
    interrupts.map(({ raised, state }) => [raised, state]),
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
    interrupts.map(({ raised, count, state }) => [raised, count, state]),
    [
      [100, 4, 'delivered'],
      [200, 1, 'late'],
      [null, 2, 'lost'],
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
  t.like(interrupts[1], { count: 0, raised: null, state: 'delivered' });
  t.is(interrupts.length, 2);
});

test('undelivered interrupts of a killed program count as lost', (t) => {
  const interrupts = build((vector) => {
    vector.signal(1, 1);
    vector.signal(2, 2);
  });
  t.deepEqual(interrupts, [{ raised: 1, delivered: null, done: 99_999, count: 2, state: 'lost' }]);
});
