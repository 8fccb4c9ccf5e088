import test from 'ava';
import fc from 'fast-check';
import { type Extent, FreeExtents } from '../../lib/device/free-extents.js';

const PAGE = 4096n;

/** The same list without a tree: each search looks at every extent. */
class Listed {
  readonly #sorted: Extent[] = [];

  add(extent: Extent): void {
    this.#sorted.push(extent);
    this.#sorted.sort((a, b) => Number(a.start - b.start));
  }

  remove({ start }: Extent): void {
    const at = this.#sorted.findIndex((one) => one.start === start);
    this.#sorted.splice(at, 1);
  }

  findFit(size: bigint, alignment: bigint): bigint | null {
    for (const { start, size: length } of this.#sorted) {
      const iova = ((start === 0n ? 1n : start) + alignment - 1n) & ~(alignment - 1n);
      if (iova + size <= start + length) return iova;
    }
    return null;
  }

  atOrBelow(address: bigint): bigint | null {
    return this.#sorted.findLast(({ start }) => start <= address)?.start ?? null;
  }
}

/** An extent within its own slot of 16 pages, so that two extents never overlap. */
const step = fc.record({
  slot: fc.nat(40),
  first: fc.nat(7),
  pages: fc.integer({ min: 1, max: 8 }),
  request: fc.integer({ min: 1, max: 9 }),
  shift: fc.constantFrom(12, 13, 14),
});

test('the tree finds the same places as a search of all extents', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new FreeExtents();
      const listed = new Listed();
      const present = new Map<number, Extent>();
      for (const { slot, first, pages, request, shift } of steps) {
        const extent = {
          start: BigInt(16 * slot + first) * PAGE,
          size: BigInt(pages) * PAGE,
        };
        const known = present.get(slot);
        if (known === undefined) {
          tree.add(extent);
          listed.add(extent);
          present.set(slot, extent);
        } else if (first % 2 === 0) {
          tree.change(known, extent);
          listed.remove(known);
          listed.add(extent);
          present.set(slot, extent);
        } else {
          tree.remove(known);
          listed.remove(known);
          present.delete(slot);
        }
        const size = BigInt(request) * PAGE;
        const alignment = 1n << BigInt(shift);
        const address = BigInt(16 * slot + request) * PAGE;
        if ((tree.findFit(size, alignment)?.iova ?? null) !== listed.findFit(size, alignment)) {
          return false;
        }
        if ((tree.atOrBelow(address)?.start ?? null) !== listed.atOrBelow(address)) return false;
      }
      return true;
    }),
    { verbose: true },
  );
  t.pass();
});

test('a search skips 50,000 gaps that are too small', (t) => {
  const extents = new FreeExtents();
  const count = 50_000n;
  for (let i = 1n; i <= count; i++) extents.add({ start: 3n * i * PAGE, size: PAGE });
  extents.add({ start: 3n * (count + 1n) * PAGE, size: 8n * PAGE });
  const start = process.cpuUsage();
  for (let i = 0; i < 1000; i++) {
    t.is(extents.findFit(2n * PAGE, PAGE)?.iova, 3n * (count + 1n) * PAGE);
  }
  const { user } = process.cpuUsage(start);
  // A search of each gap needs more than 1 ms.
  t.true(user / 1000 < 500, `${user / 1000} us a search`);
});
