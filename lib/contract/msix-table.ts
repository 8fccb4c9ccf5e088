import type { Message } from './message.js';

/** Size of a table entry in bytes (PCI Express Base Specification, sections 6.1.4 and 7.7.2). */
export const MSIX_ENTRY_SIZE = 16;
/** Offset of Vector Control in an entry, in bytes. */
export const MSIX_VECTOR_CONTROL = 12;
/** The mask bit of Vector Control. */
export const MSIX_MASKED = 1;

/** Positions of the fields in an entry, in dwords. */
const DATA = 2;
const CONTROL = 3;

/** Returns the size of the pending bit array in bytes, rounded up to whole quadwords. */
export function pbaSize(vectors: number): number {
  return Math.ceil(vectors / 64) * 8;
}

/**
 * Stores the table and the pending bits of MSI-X. The class `MsixTable` allows writes to all bits.
 * The code that uses this class decides which writes are allowed, and when a message is sent.
 */
export class MsixTable {
  readonly vectors: number;
  /** Size of the table in bytes. */
  readonly size: number;
  readonly #entries: Uint32Array;
  readonly #pending: Uint32Array;

  constructor(vectors: number) {
    this.vectors = vectors;
    this.#entries = new Uint32Array((vectors * MSIX_ENTRY_SIZE) / 4);
    this.#pending = new Uint32Array(pbaSize(vectors) / 4);
    this.size = this.#entries.byteLength;
    this.reset();
  }

  /** Masks all vectors, and clears their messages and pending bits. */
  reset(): void {
    this.#entries.fill(0);
    this.#pending.fill(0);
    this.maskAll();
  }

  maskAll(): void {
    for (let vector = 0; vector < this.vectors; vector++) this.setMasked(vector, true);
  }

  /**
   * Returns a dword of the table.
   * @param index - the number of the dword, counted from the start of the table
   */
  word(index: number): number {
    return this.#entries[index] ?? 0;
  }

  /**
   * Sets a dword of the table.
   * @param index - the number of the dword, counted from the start of the table
   */
  setWord(index: number, value: number): void {
    this.#entries[index] = value;
  }

  message(vector: number): Message {
    const at = vector * 4;
    const high = BigInt(this.word(at + 1));
    return { address: (high << 32n) | BigInt(this.word(at)), data: this.word(at + DATA) };
  }

  setMessage(vector: number, { address, data }: Message): void {
    const at = vector * 4;
    this.#entries[at] = Number(address & 0xffff_ffffn);
    this.#entries[at + 1] = Number(address >> 32n);
    this.#entries[at + DATA] = data;
  }

  masked(vector: number): boolean {
    return (this.word(vector * 4 + CONTROL) & MSIX_MASKED) !== 0;
  }

  /** Writes the mask bit to Vector Control, and clears the reserved bits. */
  setMasked(vector: number, masked: boolean): void {
    this.#entries[vector * 4 + CONTROL] = masked ? MSIX_MASKED : 0;
  }

  /**
   * Returns a dword of the pending bit array.
   * @param index - the number of the dword, counted from the start of the pending bit array
   */
  pendingWord(index: number): number {
    return this.#pending[index] ?? 0;
  }

  isPending(vector: number): boolean {
    return (this.pendingWord(vector >>> 5) & (1 << (vector & 31))) !== 0;
  }

  setPending(vector: number): void {
    const index = vector >>> 5;
    this.#pending[index] = this.pendingWord(index) | (1 << (vector & 31));
  }

  /** Clears the pending bit of a vector. @returns whether the pending bit was set */
  clearPending(vector: number): boolean {
    const index = vector >>> 5;
    const bit = 1 << (vector & 31);
    const word = this.pendingWord(index);
    this.#pending[index] = word & ~bit;
    return (word & bit) !== 0;
  }
}
