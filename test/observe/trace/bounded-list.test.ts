import test from 'ava';
import { BoundedList, Resolution, type Span } from '../../../lib/observe/trace/bounded-list.js';

interface Counted extends Span {
  count: number;
}

function createList(resolution: Resolution): BoundedList<Counted> {
  return new BoundedList<Counted>(resolution, (into, next) => {
    into.count += next.count;
  });
}

test('below the limit, entries stay separate and are sorted by time', (t) => {
  const resolution = new Resolution(100);
  const list = createList(resolution);
  for (let i = 99; i >= 0; i--) list.push({ at: i, end: i, count: 1 });
  t.is(resolution.period, 0);
  t.deepEqual(
    list.sorted().map(({ at }) => at),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test('above the limit, neighbours are merged, and nothing is lost', (t) => {
  const resolution = new Resolution(100);
  const [list, other] = [createList(resolution), createList(resolution)];
  for (let i = 0; i < 10_000; i++) {
    list.push({ at: i * 100, end: i * 100 + 50, count: 1 });
    if (i % 100 === 0) other.push({ at: i * 100, end: i * 100, count: 1 });
  }
  t.true(resolution.period > 0);
  const [entries, others] = [list.sorted(), other.sorted()];
  t.true(entries.length + others.length <= 100);
  const sum = (all: readonly Counted[]) => all.reduce((n, { count }) => n + count, 0);
  t.is(sum(entries), 10_000);
  t.is(sum(others), 100);
  for (const { at, end } of entries) t.true(end - at <= resolution.period);
  t.is(entries[0]?.at, 0);
  t.is(entries.at(-1)?.end, 999_950);
});

test('a single entry in a quiet part stays separate', (t) => {
  const resolution = new Resolution(50);
  const list = createList(resolution);
  for (let i = 0; i < 1000; i++) list.push({ at: i * 10, end: i * 10 + 5, count: 1 });
  list.push({ at: 5e9, end: 5e9 + 7, count: 1 });
  for (let i = 0; i < 1000; i++) list.push({ at: 1e10 + i * 10, end: 1e10 + i * 10 + 5, count: 1 });
  t.deepEqual(
    list.sorted().filter(({ count }) => count === 1),
    [{ at: 5e9, end: 5e9 + 7, count: 1 }],
  );
});

test('more lists than the limit have one entry each', (t) => {
  const resolution = new Resolution(10);
  const lists = Array.from({ length: 50 }, () => createList(resolution));
  for (let i = 0; i < 20; i++) for (const list of lists) list.push({ at: i, end: i, count: 1 });
  t.true(lists.every((list) => list.sorted().reduce((n, { count }) => n + count, 0) === 20));
});
