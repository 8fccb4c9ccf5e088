import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { VectorSource } from '../vectors/source.js';

/** What a flow knows of a source and its vectors. */
export interface Allocation {
  readonly source: VectorSource;
  /** Vectors below are allocated; 0 if nothing is. */
  allocated: number;
  /** Vectors in use, and the eventfds that they signal. */
  readonly bound: Map<number, Eventfd | null>;
}

/** How vectors of a source are had: what is done when MSI-X is enabled, and what at an unmask. */
export interface Flow {
  /** @throws {@link VfioError} if the host has none; the next request tries again */
  enable(allocation: Allocation): void;
  request(allocation: Allocation, vector: number, target: Eventfd | null): void;
}

/** Names of the flows to choose from. */
export type FlowName = 'incremental' | 'upfront' | 'dynamic';

function allocate(
  allocation: Allocation,
  count: number,
  targets?: readonly (Eventfd | null | undefined)[],
): void {
  allocation.source.allocate(count, targets);
  allocation.allocated = count;
}

/** Allocates all; or, if the host has fewer, those. */
function allocateAll(allocation: Allocation): void {
  try {
    allocate(allocation, allocation.source.count);
  } catch (error) {
    const available = error instanceof VfioError ? (error.available ?? 0) : 0;
    if (available === 0) throw error;
    allocate(allocation, available);
  }
}

/** Allocates all vectors when MSI-X is enabled, and requests each when it is unmasked. */
const upfront: Flow = {
  enable: allocateAll,
  request(allocation, vector, target) {
    const { source } = allocation;
    if (allocation.allocated === 0) allocateAll(allocation);
    if (vector >= allocation.allocated && !source.growable) {
      throw new VfioError({
        code: 'ENOSPC',
        message: `the host had ${allocation.allocated} of ${source.count} vectors`,
        available: allocation.allocated,
      });
    }
    source.request(vector, target);
  },
};

/** Adds one vector when it is unmasked, and touches no other: Linux 6.5 and later. */
const dynamic: Flow = {
  enable(allocation) {
    allocate(allocation, 1);
  },
  request(allocation, vector, target) {
    if (allocation.allocated === 0) allocate(allocation, 1);
    allocation.source.request(vector, target);
  },
};

/**
 * What VMMs did before: enables vector 0, and for a vector beyond the enabled ones disables and
 * frees everything, then enables a larger block. Interrupts that come in between are lost, or go to
 * INTx. It exists to be measured against.
 */
const incremental: Flow = {
  enable(allocation) {
    allocate(allocation, 1);
  },
  request(allocation, vector, target) {
    const { source, bound } = allocation;
    if (vector < allocation.allocated) {
      source.request(vector, target);
      return;
    }
    const targets: (Eventfd | null | undefined)[] = [];
    for (const [other, eventfd] of bound) targets[other] = eventfd;
    targets[vector] = target;
    source.disable();
    allocation.allocated = 0;
    bound.clear();
    allocate(allocation, vector + 1, targets);
    targets.forEach((eventfd, other) => {
      if (eventfd !== undefined) bound.set(other, eventfd);
    });
  },
};

export const FLOWS: Readonly<Record<FlowName, Flow>> = { incremental, upfront, dynamic };

/** The one that loses nothing, by what the source can do. */
export function defaultFlow(source: VectorSource): Flow {
  return source.growable ? dynamic : upfront;
}

/** For SET_IRQS, where the caller says how many: nothing is done that was not asked for. */
export function asTold(vectors: number): Flow {
  return {
    enable(allocation) {
      const count = Math.min(vectors, allocation.source.count);
      if (count > 0) allocate(allocation, count);
    },
    request(allocation, vector, target) {
      const { source } = allocation;
      if (vector >= allocation.allocated && !source.growable) {
        throw new VfioError({ code: 'EINVAL', message: `vector ${vector} is not enabled` });
      }
      source.request(vector, target);
    },
  };
}
