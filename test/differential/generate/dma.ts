import fc from '../../fast-check.js';
import type { Step } from './situation.js';

const PAGE = 4096;
const U64_MAX = '0xffffffffffffffff';

/** VFIO_DMA_MAP_FLAG_VADDR and VFIO_DMA_UNMAP_FLAG_VADDR. */
const VADDR = 4;

const buffer = fc.constantFrom('p', 'q');
/** All combinations of the flags of a map call, and unknown flags. */
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(3, 1, 2) },
  { weight: 1, arbitrary: fc.constantFrom(0, 4, 5, 6, 7, 8, 0x8000_0000) },
);
/** All combinations of the flags of an unmap call, and unknown flags. */
const unmapFlags = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 0x8000_0000) },
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
    buffer: fc.oneof(
      { weight: 8, arbitrary: buffer },
      { weight: 1, arbitrary: fc.constantFrom('f', 'g', 'h') },
    ),
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
  .record({ iova, size: unmapSize, flags: unmapFlags })
  .map((fields): Step => () => [{ op: 'dma_unmap', ...fields }]);

const unmapAll = fc
  .constantFrom(2, 2, 2 | VADDR)
  .map((all): Step => () => [{ op: 'dma_unmap', iova: 0, size: 0, flags: all }]);

/** Invalidates the address of a mapping and gives the mapping a new address. */
const renewal = fc
  .record({
    page: fc.nat(5),
    pages: fc.constantFrom(1, 2),
    buffers: fc.tuple(buffer, buffer),
    invalidations: fc.nat(2),
    renewals: fc.nat(2),
    shift: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ page, pages, buffers: [first, other], ...choice }): Step => () => {
    const range = { iova: page * PAGE, size: pages * PAGE };
    const mapping = { op: 'dma_map', buffer_offset: 0, ...range };
    const invalidate = { op: 'dma_unmap', ...range, flags: VADDR };
    const renew = { ...mapping, buffer: other, iova: (page + choice.shift) * PAGE, flags: VADDR };
    return [
      { ...mapping, buffer: first, flags: 3 },
      ...Array.from({ length: choice.invalidations }, () => invalidate),
      ...Array.from({ length: choice.renewals }, () => renew),
    ];
  });

/** Maps the memory of a file, which can be too short or not writable. */
const file = fc
  .record({
    name: fc.constantFrom('f', 'g', 'h'),
    size: fc.constantFrom(PAGE, 4 * PAGE),
    length: fc.constantFrom(0, 100, PAGE, 4 * PAGE),
    writable: fc.boolean(),
  })
  .map((fields): Step => () => [
    { op: 'file_buffer', ...fields },
    {
      op: 'dma_map',
      buffer: fields.name,
      buffer_offset: 0,
      iova: 0,
      size: fields.size,
      flags: fields.writable ? 3 : 1,
    },
  ]);

/**
 * Maps a file by its descriptor. No device model transfers data at these IOVAs, because a device
 * that reaches its own registers by DMA behaves differently in each version of QEMU.
 */
const imported = fc
  .record({
    kind: fc.constantFrom('memory', 'file', 'dma_buf', 'dma_buf'),
    length: fc.constantFrom(0, 100, PAGE, 4 * PAGE),
    offset: fc.constantFrom(0, 0, PAGE),
    memory: fc.constantFrom(PAGE, 2 * PAGE),
    size: fc.constantFrom(PAGE, PAGE, 0, 100),
    iova: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.nat(3).map((page) => `0x${(0x4000_0000 + page * PAGE).toString(16)}`),
      },
      fc.constantFrom('0xfee00000', '0x40000800', '0xfffffffffffff000', U64_MAX),
    ),
    access: flags,
    ranges: fc.constantFrom<[string, string][]>(
      ...([
        [['0x0', '0x1000']],
        [['0x0', '0x1000']],
        [
          ['0x0', '0x1000'],
          ['0x0', '0x1000'],
        ],
      ] as [string, string][][]),
    ),
  })
  .map(({ ranges, ...fields }): Step => () => [
    {
      op: 'import_map',
      ...fields,
      ...{ region: 0, open_flags: 0, flags: 0, count: ranges.length, ranges },
    },
    { op: 'dma_unmap', iova: fields.iova, size: PAGE, flags: 0 },
  ]);

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
  { weight: 1, arbitrary: unmapAll },
  { weight: 2, arbitrary: renewal },
  { weight: 1, arbitrary: file },
  { weight: 1, arbitrary: imported },
  { weight: 2, arbitrary: memory },
  { weight: 1, arbitrary: fc.constant(() => [{ op: 'iova_ranges' }]) },
);
