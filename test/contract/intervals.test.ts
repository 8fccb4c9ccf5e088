import test from 'ava';
import fc from 'fast-check';
import { type Interval, Intervals } from '../../lib/contract/intervals.js';

const sorted = (intervals: readonly Interval[]) =>
  intervals.toSorted((a, b) => Number(a.iova - b.iova));

test('an interval list answers like a list of single addresses', (t) => {
  const address = fc.bigInt({ min: 0n, max: 40n });
  const interval = fc.record({ iova: address, size: fc.bigInt({ min: 1n, max: 8n }) });
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), interval, (intervals, probe) => {
      const list = new Intervals<Interval>();
      const added: Interval[] = [];
      const contains = ({ iova, size }: Interval, at: bigint) => iova <= at && at < iova + size;
      const overlap = (one: Interval, other: Interval) =>
        one.iova < other.iova + other.size && other.iova < one.iova + one.size;
      for (const one of intervals) {
        const overlaps = added.some((other) => overlap(one, other));
        t.is(list.overlaps(one), overlaps);
        if (overlaps) continue;
        list.add(one);
        added.push(one);
      }
      const end = probe.iova + probe.size;
      const isSplit = [probe.iova, end].some((edge) =>
        added.some((one) => contains(one, edge) && one.iova !== edge),
      );
      t.is(list.isSplitBy(probe), isSplit);
      const within = added.filter(({ iova }) => probe.iova <= iova && iova < end);
      t.deepEqual(list.within(probe), sorted(within));
      for (const one of within) list.remove(one);
      t.is(list.count, added.length - within.length);
      t.deepEqual(list.all(), sorted(added.filter((one) => !within.includes(one))));
    }),
    { verbose: true },
  );
});
