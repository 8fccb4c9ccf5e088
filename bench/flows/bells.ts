import type { PciDevice } from 'vfio/mock';

/** What became of interrupts that a device was asked for. */
export interface Rung {
  /** Vectors whose message was sent. */
  readonly byMessage: readonly number[];
  /** How many fell back to INTx. */
  readonly byPin: number;
}

/** A device whose vectors interrupt when it is told to: by messages, or by its pin without them. */
export interface Bells {
  readonly device: PciDevice;
  /** Each vector interrupts once. One that cannot now is in neither part of the answer. */
  ring(vectors: readonly number[]): Rung;
}
