import type { Faults } from './faults.js';
import type { HostInterrupts } from './interrupts.js';
import type { DmaLimits } from './limits.js';
import type { Work } from './work.js';

/** The host that a mock device is plugged into. */
export interface Machine {
  readonly work: Work;
  readonly interrupts: HostInterrupts;
  readonly limits: DmaLimits;
  readonly faults: Faults;
}
