import type { PciDevice } from 'vfio/mock';

/** The interrupts that the device sent, by message and by pin. */
export interface FireResult {
  /** Numbers of the vectors for which the device sent a message. */
  readonly byMessage: readonly number[];
  /** Number of interrupts that the device sent by INTx. */
  readonly byPin: number;
}

/**
 * A device that fires its vectors on request. If MSI-X is enabled, the device sends messages. If
 * MSI-X is disabled, the device raises its interrupt pin.
 */
export interface FiringDevice {
  readonly device: PciDevice;
  /** Fires each vector once. If a vector cannot fire, the result does not contain the vector. */
  fire(vectors: readonly number[]): FireResult;
}
