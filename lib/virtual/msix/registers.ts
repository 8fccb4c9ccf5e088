import type { Message } from '../../contract/message.js';
import { MsixTable } from '../../contract/msix-table.js';

/** The mask bits, the pending bits and the messages of the vectors of MSI or MSI-X. */
export interface VectorRegisters {
  /** Number of vectors of the capability. */
  readonly vectors: number;
  /** Number of vectors that are enabled while the capability is enabled. */
  readonly limit: number;
  masked(vector: number): boolean;
  setMasked(vector: number, masked: boolean): void;
  message(vector: number): Message;
  isPending(vector: number): boolean;
  setPending(vector: number): void;
  /** Clears the pending bit of a vector. @returns whether the pending bit was set */
  clearPending(vector: number): boolean;
  /** Returns the pending bits of 32 vectors. @param index - number of the first vector / 32 */
  pendingWord(index: number): number;
  /** Masks all vectors, as the kernel does when SET_IRQS enables `vectors` vectors. */
  enableByHost(vectors: number): void;
  /** Sets the mask bits to their values after SET_IRQS has disabled the index. */
  disableByHost(): void;
}

/** The table and the pending bits of MSI-X. All vectors are enabled together. */
export class MsixRegisters extends MsixTable implements VectorRegisters {
  get limit(): number {
    return this.vectors;
  }

  enableByHost(): void {
    this.maskAll();
  }

  disableByHost(): void {
    this.maskAll();
  }
}
