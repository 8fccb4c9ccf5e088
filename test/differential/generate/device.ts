import fc from 'fast-check';
import type { Op } from '../script.js';
import { sleep } from '../targets/ops.js';
import type { Step } from './situation.js';

const GET = 1 << 16;
const SET = 1 << 17;
const PROBE = 1 << 18;
const CONFIG = 7;
/** Time in milliseconds until the kernel suspends an idle device. */
const SUSPEND_MS = 60;
const U32_MAX = 0xffff_ffff;
const LOW_POWER_ENTRY = 3;
const LOW_POWER_EXIT = 5;
/**
 * Scripts do not export a dma-buf, because the answer depends on the configuration of the kernel.
 */
const DMA_BUF = 11;

const info = fc.oneof(
  fc.constant<Step>(() => [{ op: 'info' }]),
  fc
    .constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, U32_MAX)
    .map((index): Step => () => [{ op: 'region_info', index }]),
);

/** Accesses to regions that do not support this kind of access. */
const elsewhere = fc
  .tuple(fc.constantFrom(1, 2, 5, 6, 7, 8, 9, U32_MAX), fc.constantFrom(0, 4, 0x1000), fc.nat(3))
  .map(([region, offset, kind]): Step => () => {
    if (kind === 0) return [{ op: 'read', region, offset, length: 4 }];
    if (kind === 1 && region !== 7) return [{ op: 'write', region, offset, data: '00000000' }];
    if (kind === 2) return [{ op: 'read', region, offset, length: 0 }];
    return [{ op: 'mmio_read', region, offset, width: 4 }];
  });

function sets(directions: readonly number[]): boolean {
  return directions.includes(SET) && !directions.includes(PROBE);
}

const number = fc.nat(13).filter((n) => n !== DMA_BUF);

/**
 * Probe and get operations for any feature. Probe and get operations are safe. Only {@link nap}
 * enters low power.
 */
const feature = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(number, fc.subarray([GET, SET, PROBE]), fc.constantFrom(0, 8, 16, 32))
      .filter(([n, directions]) => !sets(directions) || n > LOW_POWER_ENTRY)
      .map(([n, directions, size]): Step => () => {
        const flags = directions.reduce((sum, bit) => sum | bit, n);
        return [{ op: 'feature', flags, data: '00'.repeat(size) }];
      }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0x80000 | PROBE, U32_MAX, 0xffff | PROBE, 0xffff | GET)
      .map((flags): Step => () => [{ op: 'feature', flags }]),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>(() => [{ op: 'feature', flags: SET | LOW_POWER_EXIT }]),
  },
);

/** Operations during which the kernel resumes a suspended device. */
const waking: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  () => [{ op: 'info' }],
  () => [{ op: 'read', region: CONFIG, offset: 4, length: 4 }],
  ({ target: { capabilities } }) => {
    const { pm } = capabilities;
    return pm === undefined ? [] : [{ op: 'read', region: CONFIG, offset: pm, length: 8 }];
  },
  () => [{ op: 'read', region: 0, offset: 0, length: 4 }],
  ({ index }) => [{ op: 'set_irqs', index, flags: 0x21, start: 0, count: 1 }],
  () => [{ op: 'reset' }],
  () => [{ op: 'feature', flags: SET | LOW_POWER_ENTRY }],
);

/**
 * Enters low power, runs operations that resume the device, and exits low power. After each
 * operation, the script waits until the kernel has suspended the device again.
 */
const nap = fc
  .array(waking, { maxLength: 2 })
  .map((steps): Step => (situation) => [
    { op: 'feature', flags: SET | LOW_POWER_ENTRY },
    sleep(SUSPEND_MS),
    ...steps.flatMap((step): readonly Op[] => [...step(situation), sleep(SUSPEND_MS)]),
    { op: 'feature', flags: SET | LOW_POWER_EXIT },
  ]);

const reset: Step = () => [{ op: 'reset' }];

export const device: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: info },
  { weight: 2, arbitrary: elsewhere },
  { weight: 3, arbitrary: feature },
  { weight: 2, arbitrary: fc.constant(reset) },
  { weight: 1, arbitrary: nap },
);
