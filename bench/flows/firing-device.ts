import type { PciDevice } from 'vfio/mock';

/** How the device sent its interrupts. */
export interface FireResult {
  /** Vectors whose message was sent. */
  readonly byMessage: readonly number[];
  /** Number of interrupts that the device sent by INTx. */
  readonly byPin: number;
}

/** A device that fires its vectors on request: by message if MSI-X is enabled, else by its pin. */
export interface FiringDevice {
  readonly device: PciDevice;
  /** Fires each vector once. The result leaves out a vector that cannot fire. */
  fire(vectors: readonly number[]): FireResult;
}
