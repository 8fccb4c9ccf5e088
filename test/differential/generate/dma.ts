import fc from 'fast-check';
import type { Step } from './situation.js';

const PAGE = 4096;
const U64_MAX = '0xffffffffffffffff';

const buffer = fc.constantFrom('p', 'q');
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(3, 1, 2) },
  { weight: 1, arbitrary: fc.constantFrom(0, 4, 7, 8, 0x8000_0000) },
);
const iova = fc.oneof(
  { weight: 8, arbitrary: fc.nat(5).map((page) => `0x${(page * PAGE).toString(16)}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      // IOVAs near the address window of interrupt messages and at the limits of 48 bits.
      ...['0xfedff000', '0xfee00000', '0xfeeff000', '0xfef00000', '0xfffffffff000'],
      ...['0x1000000000000', '0xfffffffffffff000', '0x800', '0x1001', U64_MAX],
    ),
  },
);
const size = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(PAGE, 2 * PAGE, 3 * PAGE) },
  { weight: 1, arbitrary: fc.constantFrom<string | number>(0, 100, PAGE + 1, 2 ** 20, U64_MAX) },
);
const unmapSize = fc.oneof(size, fc.constantFrom('0x100000', '0xfffffffffffff000', 0));

const map = fc
  .record({
    buffer,
    buffer_offset: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(0, PAGE) },
      fc.constantFrom(100, 3 * PAGE, 4 * PAGE),
    ),
    iova,
    size,
    flags,
  })
  .map((fields): Step => () => [{ op: 'dma_map', ...fields }]);

const unmap = fc
  .record({
    iova,
    size: unmapSize,
    flags: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 3, 8)),
  })
  .map((fields): Step => () => [{ op: 'dma_unmap', ...fields }]);

const unmapAll: Step = () => [{ op: 'dma_unmap', iova: 0, size: 0, flags: 2 }];

const memory = fc
  .record({
    name: buffer,
    offset: fc.oneof(fc.constantFrom(0, PAGE - 2), fc.nat(5 * PAGE)),
    data: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  })
  .map(({ name, offset, data }): Step => () => [
    { op: 'buffer_write', name, offset, data },
    { op: 'buffer_read', name, offset, length: 8 },
  ]);

export const dma: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: map },
  { weight: 4, arbitrary: unmap },
  { weight: 1, arbitrary: fc.constant(unmapAll) },
  { weight: 2, arbitrary: memory },
  { weight: 1, arbitrary: fc.constant(() => [{ op: 'iova_ranges' }]) },
);
