import test from 'ava';
import fc from '../fast-check.js';
import { CALLS } from './calls.js';
import { scripts } from './generate/index.js';
import type { Op } from './script.js';
import { targets } from './targets.js';

/** Operations of `vfio run`, and operations on the second connection. */
const OPERATIONS = [
  ...['info', 'region_info', 'irq_info', 'read', 'write', 'set_irqs', 'eventfd_read', 'feature'],
  ...['reset', 'buffer', 'buffer_read', 'buffer_write', 'dma_map', 'dma_unmap', 'iova_ranges'],
  ...['mmio_read', 'mmio_write', 'sleep', 'open_second', 'close_second'],
];

const ops: readonly Op[] = targets.flatMap((target) =>
  fc.sample(scripts(target), { seed: 1, numRuns: 200, unbiased: true }).flat(),
);

/** Returns the values of a field in all operations of one kind. */
function valuesOf(name: string, field: string): Set<unknown> {
  return new Set(ops.filter(({ op }) => op === name).map((op) => op[field]));
}

test('the scripts contain every operation', (t) => {
  const made = new Set(ops.map(({ op }) => op));
  t.deepEqual([...made].sort(), [...OPERATIONS, ...CALLS].sort());
});

for (const [name, field, defined] of [
  ['set_irqs', 'flags', [1, 2, 4, 8, 0x10, 0x20]],
  ['feature', 'flags', [1 << 16, 1 << 17, 1 << 18]],
  ['dma_map', 'flags', [1, 2, 4]],
  ['dma_unmap', 'flags', [1, 2, 4]],
  ['ioeventfd', 'width', [1, 2, 4, 8]],
  ['dma_buf', 'open_flags', [2, 0x8_0000]],
] as const) {
  test(`the scripts contain each flag of ${name}, and an undefined flag`, (t) => {
    const all = [...valuesOf(name, field)].map(Number);
    // The lower half of the flags of VFIO_DEVICE_FEATURE is a number.
    const number = name === 'feature' ? 0xffff : 0;
    const known = defined.reduce<number>((sum, bit) => sum | bit, number);
    for (const bit of defined)
      t.true(
        all.some((flags) => (flags & bit) !== 0),
        `0x${bit.toString(16)}`,
      );
    t.true(all.some((flags) => (flags & ~known) !== 0));
  });
}

test('the scripts contain each combination of the flags of an unmap call', (t) => {
  const values = valuesOf('dma_unmap', 'flags');
  for (let flags = 0; flags < 8; flags++) t.true(values.has(flags), `${flags}`);
});

test('the scripts contain each number of a feature, region and interrupt index', (t) => {
  const features = new Set(
    [...valuesOf('feature', 'flags')].map((flags) => Number(flags) & 0xffff),
  );
  for (let number = 0; number <= 13; number++) t.true(features.has(number), `feature ${number}`);
  for (let index = 0; index <= 9; index++) {
    t.true(valuesOf('region_info', 'index').has(index), `region ${index}`);
    t.true(valuesOf('map', 'region').has(index), `mapped region ${index}`);
  }
  for (let index = 0; index <= 5; index++) {
    t.true(valuesOf('set_irqs', 'index').has(index), `interrupt index ${index}`);
  }
});
