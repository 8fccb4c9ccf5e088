import type { PciDevice } from 'vfio/mock';

/** The interrupts that the device sent, by message and by pin. */
export interface FireResult {
  /** Vectors whose message was sent. */
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
  /** Fires each vector once. A vector that cannot fire is not in the result. */
  fire(vectors: readonly number[]): FireResult;
}
