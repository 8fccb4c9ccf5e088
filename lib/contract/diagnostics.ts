/**
 * The channels of `node:diagnostics_channel` on which the library publishes events that no call
 * reports. The tracer of `vfio trace` subscribes to these channels.
 */
import type { Eventfd } from './eventfd.js';

/** The channel for {@link RefusedDma}. */
export const REFUSED_DMA_CHANNEL = 'vfio.refused-dma';

/** The IOMMU of a mock device refused a DMA transfer. */
export interface RefusedDma {
  /** Name of the device. */
  readonly device: string;
  readonly isWrite: boolean;
  /** The first address that was refused. */
  readonly address: bigint;
  readonly reason: string;
}

/** The channel for {@link AwaitedVector}. */
export const AWAITED_VECTOR_CHANNEL = 'vfio.awaited-vector';

/** A program has begun, or has ended, to listen for the interrupts of a vector. */
export interface AwaitedVector {
  /** The eventfd of the vector. */
  readonly eventfd: Eventfd;
  readonly isAwaited: boolean;
}
