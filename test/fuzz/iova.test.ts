// Tests the IOVA allocator with random IOVA ranges. The allocator must return valid addresses from
// these ranges.
import test from 'ava';
import fc from '../fast-check.js';
import { IovaAllocator } from '../../lib/device/iova.js';
import { fuzz, u64 } from './inputs.js';

const PAGE = 4096n;
const pages = fc.bigInt({ min: 1n, max: 40n }).map((count) => count * PAGE);
const place = fc
  .oneof(fc.bigInt({ min: 0n, max: 64n }), u64)
  .map((page) => (page * PAGE) % 2n ** 64n);
// The end of a range is inclusive, as in the kernel. In this test, ranges can overlap, be unsorted,
// or end before their start.
const range = fc.record({
  start: place,
  end: fc.oneof(
    place.map((end) => end + PAGE - 1n),
    u64,
  ),
});
const step = fc.record({
  iova: fc.option(place),
  size: pages,
  alignment: fc.constantFrom(PAGE, 0x10000n, 0x20_0000n),
  free: fc.boolean(),
});

interface Taken {
  iova: bigint;
  size: bigint;
}

test('an allocated IOVA lies in one range, is aligned and is not in use', async (t) => {
  const input = fc.tuple(fc.array(range, { maxLength: 5 }), fc.array(step, { maxLength: 30 }));
  await fuzz(t, 500, input, ([ranges, steps]) => {
    const allocator = new IovaAllocator(ranges);
    const taken: Taken[] = [];
    for (const { iova, size, alignment, free } of steps) {
      if (free && taken.length > 0) {
        const [given] = taken.splice(0, 1);
        if (given !== undefined) allocator.free(given.iova, given.size);
        continue;
      }
      let got: bigint | null = iova;
      if (iova === null) got = allocator.allocate(size, alignment);
      else if (!allocator.reserve(iova, size)) got = null;
      if (got === null) continue;
      const end = got + size - 1n;
      if (iova === null && got % alignment !== 0n) throw new Error('not aligned');
      if (iova === null && got === 0n) throw new Error('address 0');
      const covered = ranges.some((one) => one.start <= got && end <= one.end);
      // Several adjacent ranges count as one range.
      if (!covered && !coveredBySeveral(ranges, got, end)) throw new Error(`${got} is in no range`);
      if (taken.some((one) => one.iova <= end && got < one.iova + one.size)) {
        throw new Error(`${got} is allocated twice`);
      }
      taken.push({ iova: got, size });
    }
  });
});

function coveredBySeveral(
  ranges: readonly { start: bigint; end: bigint }[],
  from: bigint,
  to: bigint,
) {
  let next = from;
  for (;;) {
    const further = ranges.find(({ start, end }) => start <= next && next <= end);
    if (further === undefined) return false;
    if (further.end >= to) return true;
    next = further.end + 1n;
  }
}
