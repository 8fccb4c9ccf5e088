import fc from '../../fast-check.js';
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
/** The operation `dma_buf` gets this feature. */
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

const number = fc.oneof(
  { weight: 13, arbitrary: fc.nat(13) },
  { weight: 1, arbitrary: fc.constant(0xffff) },
);

/** Whether a request could change the power state or export a dma-buf. */
function hasEffect(n: number, directions: readonly number[]): boolean {
  if (n === LOW_POWER_ENTRY) return sets(directions);
  return n === DMA_BUF && directions.includes(GET) && !directions.includes(PROBE);
}

/**
 * Probe and get operations for any feature. Probe and get operations are safe. Only {@link nap}
 * enters low power.
 */
const feature = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(number, fc.subarray([GET, SET, PROBE]), fc.constantFrom(0, 4, 8, 15, 16, 32))
      .filter(([n, directions]) => !hasEffect(n, directions))
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

/** Enters low power, in some cases with an eventfd that is signalled at the wake-up. */
const entry = fc
  .option(fc.constantFrom('a', 'b'), { freq: 2 })
  .map((name): Op =>
    name === null
      ? { op: 'feature', flags: SET | LOW_POWER_ENTRY }
      : { op: 'low_power_wakeup', name },
  );

/**
 * Enters low power, runs operations that resume the device, and exits low power. After each
 * operation, the script waits until the kernel has suspended the device again.
 */
const nap = fc
  .tuple(entry, fc.array(waking, { maxLength: 2 }))
  .map(([enter, steps]): Step => (situation) => [
    enter,
    sleep(SUSPEND_MS),
    ...steps.flatMap((step): readonly Op[] => [...step(situation), sleep(SUSPEND_MS)]),
    { op: 'feature', flags: SET | LOW_POWER_EXIT },
    ...(enter.op === 'low_power_wakeup' ? [{ op: 'eventfd_read', name: enter.name }] : []),
  ]);

const reset = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>(() => [{ op: 'reset' }]) },
  { weight: 1, arbitrary: fc.constant<Step>(() => [{ op: 'hot_reset_info' }]) },
  { weight: 1, arbitrary: fc.nat(2).map((others): Step => () => [{ op: 'hot_reset', others }]) },
);

/** A PASID has 20 bits. */
const pasid = fc
  .record({ attach: fc.boolean(), pasid: fc.constantFrom(0, 1, 2, 0xf_ffff, 0x10_0000) })
  .map((fields): Step => () => [{ op: 'pasid', ...fields }]);

export const device: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: info },
  { weight: 2, arbitrary: elsewhere },
  { weight: 3, arbitrary: feature },
  { weight: 2, arbitrary: reset },
  { weight: 1, arbitrary: pasid },
  { weight: 1, arbitrary: nap },
);
