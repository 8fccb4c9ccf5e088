import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';

/**
 * Decides how many vectors of a source are allocated, and when. A flow has no state: `Backing`
 * keeps the state of the vectors and allocates the vectors.
 */
export interface Flow {
  /**
   * Returns how many vectors to allocate when MSI-X is enabled.
   * @param count - vectors of the source
   */
  initialCount(count: number): number;
  /**
   * Whether the available vectors are allocated if the host has fewer than `initialCount` vectors.
   */
  readonly acceptsFewer: boolean;
  /**
   * Whether a request beyond the allocated vectors frees all vectors and allocates a larger block.
   */
  readonly rebuilds: boolean;
  /** Returns the error for a request beyond the allocated vectors, if the source cannot grow. */
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

/**
 * Allocates all vectors when MSI-X is enabled. Requests each vector when the vector is unmasked.
 */
const upfront: Flow = {
  initialCount: (count) => count,
  acceptsFewer: true,
  rebuilds: false,
  shortage: hostShortage,
};

/** Allocates each vector only when the vector is unmasked. This flow needs Linux 6.5 or later. */
const dynamic: Flow = {
  initialCount: () => 1,
  acceptsFewer: false,
  rebuilds: false,
  shortage: hostShortage,
};

/**
 * The flow of VMMs for kernels before Linux 6.5. The flow enables vector 0 first. To add a vector,
 * the flow frees all vectors and then enables a larger block. Interrupts between the two steps are
 * lost or raise INTx. This flow exists for comparison.
 */
const incremental: Flow = { ...dynamic, rebuilds: true };

export const FLOWS: Readonly<Record<FlowName, Flow>> = { incremental, upfront, dynamic };

/** Returns the flow that loses no interrupt: `dynamic` if the source can grow, else `upfront`. */
export function defaultFlow(source: VectorSource): Flow {
  return source.growable ? dynamic : upfront;
}

/**
 * Returns the flow of SET_IRQS: allocates exactly the number of vectors that the caller enables.
 */
export function exactCount(vectors: number): Flow {
  return {
    initialCount: (count) => Math.max(0, Math.min(vectors, count)),
    acceptsFewer: false,
    rebuilds: false,
    shortage: (vector) =>
      new VfioError({ code: 'EINVAL', message: `vector ${vector} is not enabled` }),
  };
}
