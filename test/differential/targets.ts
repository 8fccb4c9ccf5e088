import type fc from 'fast-check';
import { e1000e } from './targets/e1000e.js';
import { edu } from './targets/edu.js';
import { nvme } from './targets/nvme.js';
import { testdev } from './targets/testdev.js';
import type { Op } from './script.js';
import type { Step } from './generate/situation.js';

/** A device that is in the lab and has an imitation: what a generator of scripts must know of it. */
export interface Target {
  /** Short name in the lab. */
  readonly name: string;
  /** Name of the imitation. */
  readonly mock: string;
  /** Vectors of each interrupt index. */
  readonly vectors: readonly number[];
  readonly configSize: 256 | 4096;
  /** Where its capabilities begin. */
  readonly capabilities: Readonly<Partial<Record<'pm' | 'msi' | 'msix' | 'pcie', number>>>;
  /** Configuration space that belongs to nothing: what is written stays, over resets as well. */
  readonly raw: readonly Span[];
  readonly bars: readonly Bar[];
  /** Brings what survives a reset to a known state. */
  readonly prologue: readonly Op[];
  /** Makes the device let go of its interrupt pin; empty if no script makes it assert the pin. */
  readonly releasePin: readonly Op[];
  /** Until a message that was kept has arrived; 0 if no script makes it send one. */
  readonly messageMs: number;
  /** What only this device does. */
  readonly steps: fc.Arbitrary<Step>;
}

/** First byte, and the first one behind. */
export type Span = readonly [start: number, end: number];

export interface Bar {
  readonly index: number;
  readonly size: number;
  /** Where something is to be read. */
  readonly reads: readonly number[];
  /** What may be written without harm to the machine. */
  readonly writes: readonly { readonly offset: number; readonly values: readonly number[] }[];
  /** The message table. */
  readonly table?: Span;
}

export const targets: readonly Target[] = [edu, nvme, e1000e, testdev];

/**
 * Who may share a guest. Its interrupt pins share four lines, and a device that asserts its pin
 * while nobody listens to it would keep the line from others that listen.
 */
export function companies(chosen: readonly Target[]): Target[][] {
  const asserts = ({ releasePin }: Target): boolean => releasePin.length > 0;
  const listens = ({ vectors }: Target): boolean => (vectors[0] ?? 0) > 0;
  const apart = chosen.filter((target) => asserts(target) || !listens(target));
  return [apart, chosen.filter((target) => !apart.includes(target))].filter(
    ({ length }) => length > 0,
  );
}
