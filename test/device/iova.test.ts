import test from 'ava';
import fc from '../fast-check.js';
import { IovaAllocator } from '../../lib/device/iova.js';

const PAGE = 4096n;
const X86 = [
  { start: 0n, end: 0xfedf_ffffn },
  { start: 0xfef0_0000n, end: (1n << 39n) - 1n },
];

test('allocate() returns the lowest free address, but never 0', (t) => {
  const allocator = new IovaAllocator(X86);
  t.is(allocator.allocate(PAGE, PAGE), PAGE);
  t.is(allocator.allocate(PAGE, PAGE), 2n * PAGE);
  t.true(allocator.reserve(0n, PAGE));
  t.is(allocator.allocate(PAGE, PAGE), 3n * PAGE);
});

test('the first allocated IOVA is equal to the alignment, because IOVA 0 is never allocated', (t) => {
  const allocator = new IovaAllocator(X86);
  t.is(allocator.allocate(PAGE, 1n << 30n), 1n << 30n);
  t.is(allocator.allocate(PAGE, 1n << 21n), 1n << 21n);
});

test('addresses in a gap between ranges are not allocated', (t) => {
  const allocator = new IovaAllocator(X86);
  t.is(allocator.allocate(0xfe00_0000n, PAGE), PAGE);
  t.is(allocator.allocate(0x0100_0000n, PAGE), 0xfef0_0000n);
  t.false(allocator.isValid(0xfee0_0000n, PAGE));
  t.false(allocator.isValid(0xfedf_f000n, 2n * PAGE));
  t.false(allocator.reserve(0xfee0_0000n, PAGE));
  t.true(allocator.isValid(0xfedf_f000n, PAGE));
});

test('adjacent ranges are joined into one range', (t) => {
  const allocator = new IovaAllocator([
    { start: 0x2000n, end: 0x2fffn },
    { start: 0x1000n, end: 0x1fffn },
  ]);
  t.is(allocator.allocate(0x2000n, PAGE), 0x1000n);
});

test('the allocator can reserve the last page of a 64-bit address space', (t) => {
  const allocator = new IovaAllocator([{ start: 0n, end: (1n << 64n) - 1n }]);
  t.true(allocator.reserve((1n << 64n) - PAGE, PAGE));
  t.false(allocator.reserve((1n << 64n) - PAGE, PAGE));
  t.is(allocator.allocate(1n << 63n, 1n << 63n), null);
  t.is(allocator.allocate(1n << 62n, 1n << 62n), 1n << 62n);
});

test('an allocator without IOVA ranges allocates no address', (t) => {
  const allocator = new IovaAllocator([]);
  t.true(allocator.isEmpty);
  t.is(allocator.allocate(PAGE, PAGE), null);
  t.false(allocator.reserve(PAGE, PAGE));
});

test('freed addresses are joined with free neighbours', (t) => {
  const allocator = new IovaAllocator([{ start: 0x1000n, end: 0x4fffn }]);
  const [a, b, c, d] = [1, 2, 3, 4].map(() => allocator.allocate(PAGE, PAGE) ?? -1n);
  t.is(allocator.allocate(PAGE, PAGE), null);
  for (const iova of [a, c, d, b]) allocator.free(iova ?? -1n, PAGE);
  t.is(allocator.allocate(4n * PAGE, PAGE), 0x1000n);
});

interface Block {
  iova: bigint;
  size: bigint;
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('allocate' as const),
    pages: fc.integer({ min: 1, max: 40 }),
    shift: fc.constantFrom(12, 12, 12, 14, 16, 21),
  }),
  fc.record({
    kind: fc.constant('reserve' as const),
    pages: fc.integer({ min: 1, max: 40 }),
    at: fc.nat(600),
  }),
  fc.record({ kind: fc.constant('free' as const), which: fc.nat(1000) }),
);

test('random allocations are aligned and do not overlap, and free() frees each allocation', (t) => {
  const ranges = [
    { start: 0n, end: 0x7_ffffn },
    { start: 0x10_0000n, end: 0x10_ffffn },
    { start: 0x18_0000n, end: 0x40_0fffn },
  ];
  const total = 0x80n + 0x10n + 0x281n;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const allocator = new IovaAllocator(ranges);
      const allocated: Block[] = [];
      const overlaps = ({ iova, size }: Block) =>
        allocated.some((other) => iova < other.iova + other.size && other.iova < iova + size);
      const valid = ({ iova, size }: Block) =>
        ranges.some(({ start, end }) => iova >= start && iova + size - 1n <= end);
      for (const action of steps) {
        if (action.kind === 'free') {
          const [block] = allocated.splice(action.which % Math.max(allocated.length, 1), 1);
          if (block !== undefined) allocator.free(block.iova, block.size);
          continue;
        }
        const size = BigInt(action.pages) * PAGE;
        if (action.kind === 'reserve') {
          const block = { iova: BigInt(action.at) * PAGE, size };
          t.is(allocator.reserve(block.iova, size), valid(block) && !overlaps(block));
          if (valid(block) && !overlaps(block)) allocated.push(block);
          continue;
        }
        const alignment = 1n << BigInt(action.shift);
        const iova = allocator.allocate(size, alignment);
        // A brute-force search finds the lowest free address, which allocate() must return.
        let expected: bigint | null = null;
        for (let at = alignment; at < 0x41_0000n && expected === null; at += alignment) {
          if (valid({ iova: at, size }) && !overlaps({ iova: at, size })) expected = at;
        }
        t.is(iova, expected);
        if (iova !== null) allocated.push({ iova, size });
      }
      for (const { iova, size } of allocated) allocator.free(iova, size);
      let pages = 0n;
      t.true(allocator.reserve(0n, PAGE));
      for (pages = 1n; allocator.allocate(PAGE, PAGE) !== null;) pages++;
      t.is(pages, total);
    }),
    { numRuns: process.env.VFIO_TEST_FULL === undefined ? 40 : 2000 },
  );
});

test('if IOVA ranges overlap or are unsorted, each address is still allocated only once', (t) => {
  const allocator = new IovaAllocator([
    { start: 0x5000n, end: 0x6fffn },
    { start: 0x1000n, end: 0x2fffn },
    { start: 0x2000n, end: 0x3fffn },
    { start: 0x4000n, end: 0x4fffn },
    { start: 0x9000n, end: 0x8fffn },
  ]);
  const addresses = Array.from({ length: 7 }, () => allocator.allocate(0x1000n, 0x1000n));
  t.deepEqual(addresses, [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n, 0x6000n, null]);
  t.true(new IovaAllocator([{ start: 1n, end: 0n }]).isEmpty);
});
