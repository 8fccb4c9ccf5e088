import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';

/**
 * Decides how many vectors of a source are allocated, and when. A flow is data: the state of the
 * vectors is in `Backing`, which carries the decisions out.
 */
export interface Flow {
  /**
   * Returns how many vectors to allocate when MSI-X is enabled.
   * @param count - vectors of the source
   */
  initialCount(count: number): number;
  /** Whether fewer vectors are allocated if the host does not have as many. */
  readonly acceptsFewer: boolean;
  /** Whether a vector beyond the allocated ones frees them all and allocates a larger block. */
  readonly rebuilds: boolean;
  /** Returns the error for a vector beyond the allocated ones of a source that cannot grow. */
  shortage(vector: number, allocated: number, count: number): VfioError;
}

/** Names of the flows to choose from. */
export type FlowName = 'incremental' | 'upfront' | 'dynamic';

function hostShortage(_vector: number, allocated: number, count: number): VfioError {
  return new VfioError({
    code: 'ENOSPC',
    message: `the host had ${allocated} of ${count} vectors`,
    available: allocated,
  });
}

/** Allocates all vectors when MSI-X is enabled, and requests each when it is unmasked. */
const upfront: Flow = {
  initialCount: (count) => count,
  acceptsFewer: true,
  rebuilds: false,
  shortage: hostShortage,
};

/** Adds one vector when it is unmasked, and touches no other: Linux 6.5 and later. */
const dynamic: Flow = {
  initialCount: () => 1,
  acceptsFewer: false,
  rebuilds: false,
  shortage: hostShortage,
};

/**
 * What VMMs did before: enables vector 0, and for a vector beyond the enabled ones disables and
 * frees everything, then enables a larger block. Interrupts that come in between are lost, or go to
 * INTx. It exists to be measured against.
 */
const incremental: Flow = { ...dynamic, rebuilds: true };

export const FLOWS: Readonly<Record<FlowName, Flow>> = { incremental, upfront, dynamic };

/** Returns the flow that loses no interrupt, by whether the source can grow. */
export function defaultFlow(source: VectorSource): Flow {
  return source.growable ? dynamic : upfront;
}

/** Returns the flow of SET_IRQS: exactly as many vectors are allocated as the caller enables. */
export function exactCount(vectors: number): Flow {
  return {
    initialCount: (count) => Math.max(0, Math.min(vectors, count)),
    acceptsFewer: false,
    rebuilds: false,
    shortage: (vector) =>
      new VfioError({ code: 'EINVAL', message: `vector ${vector} is not enabled` }),
  };
}
