import { VfioError } from '../../errors.js';
import type { IntxVector, PciDevice, Vector } from '../../index.js';
import { UsageError } from '../usage.js';

export const KINDS = ['msix', 'msi', 'intx'] as const;

export type Kind = (typeof KINDS)[number];

/** Vectors that are enabled for as long as they are watched. */
export interface Watched {
  readonly kind: Kind;
  readonly vectors: readonly (Vector | IntxVector)[];
  /** Vectors that the device has and the host could not give. */
  readonly missing: number;
  /** Disables them, and puts the command register back. */
  restore(): void;
}

/**
 * Enables interrupts of a device: of the kind that is asked for, else the best that it has.
 *
 * @param wanted - how many vectors; fewer if the device or the host has not so many
 */
export function watchVectors(device: PciDevice, wanted: number, kind?: Kind): Watched {
  const chosen = kind ?? KINDS.find((one) => device.interrupts[one].count > 0);
  if (chosen === undefined || device.interrupts[chosen].count === 0) {
    throw new UsageError(`${device.name} has no ${chosen ?? 'interrupts'}`);
  }
  // A message is a write to memory by the device, which it may do as a master of the bus.
  const { bus_master: before } = device.config.fields('command');
  if (chosen !== 'intx') device.config.update('command', { bus_master: 1 });
  const restore = () => {
    device.interrupts[chosen].disable();
    device.config.update('command', { bus_master: before });
  };
  try {
    const count = Math.min(wanted, device.interrupts[chosen].count);
    const vectors = request(device, chosen, count);
    return { kind: chosen, vectors, missing: count - vectors.length, restore };
  } catch (error) {
    restore();
    throw error;
  }
}

function request(device: PciDevice, kind: Kind, count: number): (Vector | IntxVector)[] {
  const options = { counts: true };
  if (kind === 'intx') return [device.interrupts.intx.request(options)];
  const index = device.interrupts[kind];
  const vectors: Vector[] = [];
  try {
    index.enable({ vectors: count });
    while (vectors.length < count) vectors.push(index.request(vectors.length, options));
  } catch (error) {
    const available = error instanceof VfioError && error.code === 'ENOSPC' ? error.available : 0;
    if (vectors.length > 0) return vectors;
    if (available === undefined || available === 0) throw error;
    return request(device, kind, available);
  }
  return vectors;
}
