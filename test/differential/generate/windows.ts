import fc from '../../fast-check.js';
import type { Target } from '../targets.js';
import type { Step } from './situation.js';

const PAGE = 4096;
const U64_MAX = '0xffffffffffffffff';

/** An offset or a length that is near a limit of a BAR. */
function places({ bars }: Target): number[] {
  return bars.flatMap(({ size }) => [size - PAGE, size, size + PAGE, 2 * size]);
}

function windows(target: Target): fc.Arbitrary<Step> {
  const limits = places(target).filter((at) => at >= 0);
  return fc
    .record({
      region: fc.oneof(fc.constantFrom(...target.bars.map(({ index }) => index)), fc.nat(9)),
      offset: fc.oneof(fc.constantFrom(0, 0, PAGE), fc.constantFrom(...limits, 100)),
      length: fc.oneof(fc.constantFrom(PAGE, 2 * PAGE), fc.constantFrom(...limits, 0, 1, 100)),
    })
    .map((fields): Step => () => [{ op: 'map', ...fields }]);
}

/** VFIO_DEVICE_FEATURE_DMA_BUF with one or two ranges of a BAR. */
function dmaBufs(target: Target): fc.Arbitrary<Step> {
  const values = [0, PAGE, ...places(target)].filter((at) => at >= 0).map((at) => `${at}`);
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.constantFrom('100', '0xfffffffffffff000', U64_MAX) },
  );
  return fc
    .record({
      region: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...target.bars.map(({ index }) => index)) },
        fc.constantFrom(1, 4, 5, 6, 7, 9),
      ),
      // O_RDONLY, O_RDWR, O_CLOEXEC and an unknown flag.
      open_flags: fc.constantFrom(0, 2, 0x8_0000, 0x8_0002, 0x4000_0000),
      flags: fc.constantFrom(0, 0, 0, 1),
      ranges: fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 2 }),
      missing: fc.constantFrom(0, 0, 0, 1),
    })
    .map(({ missing, ...fields }): Step => () => [
      { op: 'dma_buf', ...fields, count: fields.ranges.length - missing },
    ]);
}

export function mappings(target: Target): fc.Arbitrary<Step> {
  return fc.oneof({ weight: 2, arbitrary: windows(target) }, dmaBufs(target));
}
