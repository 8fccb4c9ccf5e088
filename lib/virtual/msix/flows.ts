import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';

/**
 * Decides how many vectors of a source are allocated, and when. A flow has no state: `Backing`
 * keeps the state of the vectors and allocates them.
 */
export interface Flow {
  /**
   * Returns how many vectors to allocate when MSI-X is enabled.
   * @param count - vectors of the source
   */
  initialCount(count: number): number;
  /** Whether a smaller number is allocated if the host does not have `initialCount` vectors. */
  readonly acceptsFewer: boolean;
  /** Whether a vector beyond the allocated ones frees them all and allocates a larger block. */
  readonly rebuilds: boolean;
  /** Returns the error for a vector beyond the allocated ones of a source that cannot grow. */
  shortage(vector: number, allocated: number, count: number): VfioError;
}

/** Names of the flows. */
export type FlowName = 'incremental' | 'upfront' | 'dynamic';

function hostShortage(_vector: number, allocated: number, count: number): VfioError {
  return new VfioError({
    code: 'ENOSPC',
    message: `the host could allocate ${allocated} of ${count} vectors`,
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

/** Allocates each vector when it is unmasked, and no other: for Linux 6.5 and later. */
const dynamic: Flow = {
  initialCount: () => 1,
  acceptsFewer: false,
  rebuilds: false,
  shortage: hostShortage,
};

/**
 * The flow of VMMs for kernels before Linux 6.5. It enables vector 0 first. For a vector beyond the
 * enabled ones it frees all vectors, then enables a larger block. Interrupts in between are lost or
 * raise INTx. This flow exists for comparison.
 */
const incremental: Flow = { ...dynamic, rebuilds: true };

export const FLOWS: Readonly<Record<FlowName, Flow>> = { incremental, upfront, dynamic };

/** Returns the flow that loses no interrupt: `dynamic` if the source can grow, else `upfront`. */
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
