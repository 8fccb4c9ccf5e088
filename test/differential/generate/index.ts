import fc from '../../fast-check.js';
import type { Op } from '../script.js';
import type { Target } from '../targets.js';
import { config } from './config.js';
import { device } from './device.js';
import { dma } from './dma.js';
import { eventfds } from './eventfds.js';
import { interrupts } from './interrupts.js';
import { ioeventfds } from './ioeventfds.js';
import { registers } from './registers.js';
import { second } from './second.js';
import { Situation, type Step } from './situation.js';
import { mappings } from './windows.js';

/** Maximum number of steps in a script. */
const MAX_STEPS = 90;

/**
 * Generates scripts of valid, borderline and wrong operations for a device. Most steps of a script
 * use one interrupt index, so that later steps depend on earlier steps.
 */
export function scripts(target: Target): fc.Arbitrary<readonly Op[]> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: interrupts },
    { weight: 6, arbitrary: config(target) },
    { weight: 4, arbitrary: registers(target) },
    { weight: 3, arbitrary: dma },
    { weight: 2, arbitrary: device },
    { weight: 2, arbitrary: eventfds },
    { weight: 1, arbitrary: ioeventfds(target) },
    { weight: 1, arbitrary: mappings(target) },
    { weight: 1, arbitrary: second },
    { weight: 4, arbitrary: target.steps },
  );
  const served = target.vectors.flatMap((vectors, index) =>
    vectors > 0 && index < 3 ? [index] : [],
  );
  return fc
    .tuple(
      fc.constantFrom(...(served.length > 0 ? served : [4])),
      fc.array(step, { minLength: 1, maxLength: MAX_STEPS, size: 'max' }),
    )
    .map(([index, steps]) => {
      const situation = new Situation(target, index);
      return steps.flatMap((make) => make(situation).flatMap((op) => situation.prepare(op)));
    });
}
