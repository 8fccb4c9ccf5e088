import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';

/**
 * An unmask method: decides how many vectors of a source are allocated, and when. An unmask method
 * has no state. The class `Backing` allocates the vectors and records their state.
 */
export interface Flow {
  /**
   * Returns the number of vectors to allocate when MSI-X is enabled.
   * @param count - number of vectors of the source
   */
  initialCount(count: number): number;
  /**
   * Whether fewer vectors are accepted. If the flag is true and the host has fewer than
   * `initialCount()` vectors, all available vectors are allocated.
   */
  readonly acceptsFewer: boolean;
  /**
   * Whether the call that enables MSI-X binds vector 0 to the VMM, although vector 0 is masked. An
   * interrupt of vector 0 then becomes pending in the table and not in the device.
   */
  readonly bindsFirst: boolean;
  /** Whether a request for an unallocated vector frees all vectors and allocates a larger block. */
  readonly rebuilds: boolean;
  /** Returns the error for the request of an unallocated vector from a source that cannot grow. */
  shortage(vector: number, allocated: number, count: number): VfioError;
}

/** Names of the unmask methods. */
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
  bindsFirst: false,
  rebuilds: false,
  shortage: hostShortage,
};

/**
 * Allocates each vector only when the vector is unmasked. The method `dynamic` needs Linux 6.5 or
 * later.
 */
const dynamic: Flow = {
  initialCount: () => 1,
  acceptsFewer: false,
  bindsFirst: false,
  rebuilds: false,
  shortage: hostShortage,
};

/**
 * The unmask method of VMMs on kernels before Linux 6.5. When MSI-X is enabled, only vector 0 is
 * allocated. Vector 0 is bound to an eventfd of the VMM, although the guest has masked the vector,
 * because only a bound vector enables MSI-X of the device. To add a vector, this method frees all
 * vectors and then allocates a larger block. If an interrupt fires before the larger block is
 * allocated, the interrupt is lost or raises INTx. Use this method only for comparisons with the
 * other unmask methods.
 */
const incremental: Flow = { ...dynamic, bindsFirst: true, rebuilds: true };

export const FLOWS: Readonly<Record<FlowName, Flow>> = { incremental, upfront, dynamic };

export const FLOW_NAMES = Object.keys(FLOWS);

/**
 * Returns the default unmask method of a source: `dynamic` if the source can grow, else `upfront`.
 */
export function defaultFlow(source: VectorSource): Flow {
  return source.growable ? dynamic : upfront;
}

/**
 * Returns the unmask method of SET_IRQS. The method allocates exactly the number of vectors that
 * the caller enables.
 */
export function exactCount(vectors: number): Flow {
  return {
    initialCount: (count) => Math.max(0, Math.min(vectors, count)),
    acceptsFewer: false,
    bindsFirst: false,
    rebuilds: false,
    shortage: (vector) =>
      new VfioError({ code: 'EINVAL', message: `vector ${vector} is not enabled` }),
  };
}
