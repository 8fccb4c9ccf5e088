import test from 'ava';
import fc from '../fast-check.js';
import { type Interval, Intervals } from '../../lib/contract/intervals.js';

const PAGE = 4096n;

const sorted = (intervals: readonly Interval[]) =>
  intervals.toSorted((a, b) => Number(a.iova - b.iova));

test('an interval list answers like a list of single addresses', (t) => {
  const address = fc.bigInt({ min: 0n, max: 40n });
  const interval = fc.record({ iova: address, size: fc.bigInt({ min: 1n, max: 8n }) });
  // The addresses above 2^53 are different bigints, but the same number after rounding.
  const base = fc.constantFrom(0n, 2n ** 63n);
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), interval, base, (steps, step, shift) => {
      const intervals = steps.map(({ iova, size }) => ({ iova: iova + shift, size }));
      const probe = { iova: step.iova + shift, size: step.size };
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
      t.is(
        list.at(end),
        added.find((one) => contains(one, end)),
      );
      const within = added.filter(({ iova }) => probe.iova <= iova && iova < end);
      t.deepEqual(list.within(probe), sorted(within));
      for (const one of within) list.remove(one);
      t.is(list.count, added.length - within.length);
      t.deepEqual(list.all(), sorted(added.filter((one) => !within.includes(one))));
    }),
    { verbose: true },
  );
});

/** Returns the lowest place by a search of every interval, without a tree. */
function findFit(intervals: readonly Interval[], size: bigint, alignment: bigint): bigint | null {
  for (const { iova: first, size: length } of sorted(intervals)) {
    const iova = ((first === 0n ? 1n : first) + alignment - 1n) & ~(alignment - 1n);
    if (iova + size <= first + length) return iova;
  }
  return null;
}

/** An interval within its own slot of 16 pages, so that two intervals never overlap. */
const change = fc.record({
  slot: fc.nat(40),
  first: fc.nat(7),
  pages: fc.integer({ min: 1, max: 8 }),
  request: fc.integer({ min: 1, max: 9 }),
  shift: fc.constantFrom(12, 13, 14),
});

test('the list finds the same places as a search of all intervals', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const list = new Intervals<Interval>();
      const present = new Map<number, Interval>();
      for (const { slot, first, pages, request, shift } of changes) {
        const interval = {
          iova: BigInt(16 * slot + first) * PAGE,
          size: BigInt(pages) * PAGE,
        };
        const known = present.get(slot);
        if (known === undefined) list.add(interval);
        else if (first % 2 === 0) list.replace(known, interval);
        else list.remove(known);
        if (known === undefined || first % 2 === 0) present.set(slot, interval);
        else present.delete(slot);
        const intervals = [...present.values()];
        const size = BigInt(request) * PAGE;
        const alignment = 1n << BigInt(shift);
        const address = BigInt(16 * slot + request) * PAGE;
        t.is(list.findFit(size, alignment)?.iova ?? null, findFit(intervals, size, alignment));
        t.is(
          list.atOrBelow(address),
          sorted(intervals).findLast(({ iova }) => iova <= address),
        );
      }
    }),
    { verbose: true },
  );
});

test('a search skips 50,000 gaps that are too small', (t) => {
  let reads = 0;
  class Counted implements Interval {
    readonly size: bigint;
    readonly #iova: bigint;

    constructor(iova: bigint, size: bigint) {
      this.#iova = iova;
      this.size = size;
    }

    get iova(): bigint {
      reads++;
      return this.#iova;
    }
  }
  const list = new Intervals<Counted>();
  const count = 50_000n;
  for (let i = 1n; i <= count; i++) list.add(new Counted(3n * i * PAGE, PAGE));
  const large = 3n * (count + 1n) * PAGE;
  list.add(new Counted(large, 8n * PAGE));
  reads = 0;
  t.is(list.findFit(2n * PAGE, PAGE)?.iova, large);
  t.true(reads < 10, `${reads} reads of an address`);
});
