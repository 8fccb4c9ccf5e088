import type { Message } from '../../contract/message.js';
import { pbaSize } from './capability.js';

const ADDRESS_LOW = 0;
const DATA = 2;
const CONTROL = 3;
const MASKED = 1;

/** The message table and the pending bits, as bits: no rules but which of them can be set. */
export class MsixTable {
  readonly vectors: number;
  /** Bytes. */
  readonly size: number;
  readonly #entries: Uint32Array;
  readonly #pending: Uint32Array;

  constructor(vectors: number) {
    this.vectors = vectors;
    this.#entries = new Uint32Array(vectors * 4);
    this.#pending = new Uint32Array(pbaSize(vectors) / 4);
    this.size = this.#entries.byteLength;
    this.reset();
  }

  /** Everything masked, nothing pending, no message. */
  reset(): void {
    this.#entries.fill(0);
    this.#pending.fill(0);
    this.maskAll();
  }

  maskAll(): void {
    for (let vector = 0; vector < this.vectors; vector++) this.setMasked(vector, true);
  }

  /** @param index - of a dword of the table */
  word(index: number): number {
    return this.#entries[index] ?? 0;
  }

  /** Reserved bits stay 0: all of Vector Control but its mask bit, and the low two of the address. */
  setWord(index: number, value: number): void {
    const field = index & 3;
    const kept = field === CONTROL ? value & MASKED : field === ADDRESS_LOW ? value & ~3 : value;
    this.#entries[index] = kept;
  }

  message(vector: number): Message {
    const at = vector * 4;
    const high = BigInt(this.word(at + 1));
    return { address: (high << 32n) | BigInt(this.word(at)), data: this.word(at + DATA) };
  }

  masked(vector: number): boolean {
    return this.#entries[vector * 4 + CONTROL] === MASKED;
  }

  setMasked(vector: number, masked: boolean): void {
    this.#entries[vector * 4 + CONTROL] = masked ? MASKED : 0;
  }

  /** @param index - of a dword of the pending bit array */
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

  /** Clears the bit. @returns whether it was set */
  takePending(vector: number): boolean {
    const index = vector >>> 5;
    const bit = 1 << (vector & 31);
    const word = this.pendingWord(index);
    this.#pending[index] = word & ~bit;
    return (word & bit) !== 0;
  }
}
