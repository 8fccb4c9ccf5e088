import type { Message } from '../../../contract/message.js';
import {
  MSIX_ENTRY_SIZE,
  MSIX_MASKED,
  MSIX_VECTOR_CONTROL,
  MsixTable,
  pbaSize,
} from '../../../contract/msix-table.js';
import type { BarPlace } from './model.js';
import type { Overlay } from './registers.js';

/** MSI-X of a function: the table, the pending bits, and the delivery of messages. */
export class Msix {
  readonly vectors: number;
  readonly table: Overlay;
  readonly pendingBits: Overlay;
  readonly #table: MsixTable;
  readonly #send: (message: Message) => void;
  #enabled = false;
  #functionMask = false;

  constructor(vectors: number, table: BarPlace, pba: BarPlace, send: (message: Message) => void) {
    this.vectors = vectors;
    this.#table = new MsixTable(vectors);
    this.#send = send;
    this.table = {
      covers: (offset) => within(offset, table.offset, this.#table.size),
      read: (offset, width) => (width === 4 ? this.#table.word((offset - table.offset) >>> 2) : 0),
      write: (offset, width, value) => {
        this.#writeEntry(offset - table.offset, width, value);
      },
    };
    this.pendingBits = {
      covers: (offset) => within(offset, pba.offset, pbaSize(vectors)),
      read: (offset, width) =>
        width === 4 ? this.#table.pendingWord((offset - pba.offset) >>> 2) : 0,
      write: () => undefined,
    };
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Applies the MSI-X Enable and Function Mask bits of the message control register. */
  control(enabled: boolean, functionMask: boolean): void {
    if (enabled === this.#enabled && functionMask === this.#functionMask) return;
    this.#enabled = enabled;
    this.#functionMask = functionMask;
    for (let vector = 0; vector < this.vectors; vector++) this.#deliver(vector);
  }

  /** Sends the message of a vector. The interrupt is held while the vector is masked. */
  notify(vector: number): void {
    if (!this.#enabled || vector >= this.vectors) return;
    this.#table.setPending(vector);
    this.#deliver(vector);
  }

  /** Writes the message of a vector to the table, as the host does. */
  program(vector: number, message: Message): void {
    this.#table.setMessage(vector, message);
  }

  /** Masks or unmasks a vector, as the host does. */
  setMask(vector: number, masked: boolean): void {
    const control = vector * MSIX_ENTRY_SIZE + MSIX_VECTOR_CONTROL;
    this.#writeEntry(control, 4, masked ? MSIX_MASKED : 0);
  }

  /** Masks all vectors and clears all pending bits. */
  reset(): void {
    this.#table.reset();
  }

  /**
   * Writes a dword of the table. Narrower writes are dropped: only dword and quadword accesses are
   * allowed (PCI Express 6.1.4.2).
   */
  #writeEntry(at: number, width: 1 | 2 | 4, value: number): void {
    if (width !== 4) return;
    this.#table.setWord(at >>> 2, value);
    if (at % MSIX_ENTRY_SIZE === MSIX_VECTOR_CONTROL) {
      this.#deliver(Math.floor(at / MSIX_ENTRY_SIZE));
    }
  }

  #deliver(vector: number): void {
    const table = this.#table;
    if (!this.#enabled || this.#functionMask || table.masked(vector)) return;
    if (table.clearPending(vector)) this.#send(table.message(vector));
  }
}

function within(offset: number, start: number, length: number): boolean {
  return offset >= start && offset < start + length;
}
