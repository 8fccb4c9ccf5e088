import type fc from 'fast-check';
import { e1000e } from './targets/e1000e.js';
import { edu } from './targets/edu.js';
import { nvme } from './targets/nvme.js';
import { testdev } from './targets/testdev.js';
import type { Op } from './script.js';
import type { Step } from './generate/situation.js';

/** A device of the lab that the mock emulates, with the information for generating scripts. */
export interface Target {
  /** Short name in the lab. */
  readonly name: string;
  /** Name of the mock device. */
  readonly mock: string;
  /** Number of vectors of each interrupt index. */
  readonly vectors: readonly number[];
  readonly configSize: 256 | 4096;
  /** Offsets of the capabilities. */
  readonly capabilities: Readonly<Partial<Record<'pm' | 'msi' | 'msix' | 'pcie', number>>>;
  /** Unused parts of configuration space. These parts keep written values, even across resets. */
  readonly raw: readonly Span[];
  readonly bars: readonly Bar[];
  /** Operations that write known values to all registers that a reset does not change. */
  readonly prologue: readonly Op[];
  /**
   * Operations that deassert the interrupt pin. The list is empty if no script can assert the pin.
   */
  readonly releasePin: readonly Op[];
  /** Time in milliseconds until a pending message arrives, or 0 if no script can send a message. */
  readonly messageMs: number;
  /** Steps that only this device supports. */
  readonly steps: fc.Arbitrary<Step>;
}

/** A range of bytes from `start` to `end`. `end` is exclusive. */
export type Span = readonly [start: number, end: number];

/** A BAR with the offsets that scripts access. */
export interface Bar {
  readonly index: number;
  readonly size: number;
  /** Offsets worth reading. */
  readonly reads: readonly number[];
  /** Offsets that are safe to write. If `values` is empty, any value is safe. */
  readonly writes: readonly { readonly offset: number; readonly values: readonly number[] }[];
  /** Location of the MSI-X table in the BAR. */
  readonly table?: Span;
}

export const targets: readonly Target[] = [edu, nvme, e1000e, testdev];

/**
 * Groups targets that can share a guest. The interrupt pins of a guest share four lines. If a
 * device asserts its pin without a handler, other devices on the same line receive no interrupts.
 */
export function groupTargets(chosen: readonly Target[]): Target[][] {
  const asserts = ({ releasePin }: Target): boolean => releasePin.length > 0;
  const hasIntx = ({ vectors }: Target): boolean => (vectors[0] ?? 0) > 0;
  const apart = chosen.filter((target) => asserts(target) || !hasIntx(target));
  return [apart, chosen.filter((target) => !apart.includes(target))].filter(
    ({ length }) => length > 0,
  );
}
