import { VfioError } from '../../errors.js';
import type { IntxVector, PciDevice, Vector } from '../../index.js';
import { UsageError } from '../usage.js';

export const KINDS = ['msix', 'msi', 'intx'] as const;

export type Kind = (typeof KINDS)[number];

/** The vectors that `vfio watch` has enabled. */
export interface Watched {
  readonly kind: Kind;
  readonly vectors: readonly (Vector | IntxVector)[];
  /** Number of requested vectors that the host could not allocate. */
  readonly missing: number;
  /** Disables the vectors and restores the command register. */
  restore(): void;
}

/**
 * Enables interrupts of a device.
 *
 * @param wanted - number of vectors. If the device or the host has fewer vectors, only the
 *   available vectors are enabled.
 * @param kind - kind of interrupt; default: the first kind that the device has, in the order MSI-X,
 *   MSI, INTx
 */
export function watchVectors(device: PciDevice, wanted: number, kind?: Kind): Watched {
  const chosen = kind ?? KINDS.find((one) => device.interrupts[one].count > 0);
  if (chosen === undefined || device.interrupts[chosen].count === 0) {
    throw new UsageError(`${device.name} has no ${chosen ?? 'interrupts'}`);
  }
  // MSI and MSI-X need bus mastering, because an interrupt message is a memory write by the device.
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
