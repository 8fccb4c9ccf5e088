import type { Message } from '../../../contract/message.js';
import type { BarPlace } from './model.js';
import { PCI_MSIX_ENTRY_SIZE } from './pci.js';
import type { Overlay } from './registers.js';

const VECTOR_CONTROL = 12;
const MASKED = 1;

/** The message table and the pending bits of a function, and the state machine behind them. */
export class MsixTable {
  readonly vectors: number;
  readonly table: Overlay;
  readonly pendingBits: Overlay;
  readonly #entries: DataView;
  readonly #pending: DataView;
  readonly #send: (message: Message) => void;
  #enabled = false;
  #functionMask = false;

  constructor(vectors: number, table: BarPlace, pba: BarPlace, send: (message: Message) => void) {
    this.vectors = vectors;
    this.#entries = new DataView(new ArrayBuffer(vectors * PCI_MSIX_ENTRY_SIZE));
    // Pending bits are whole quadwords.
    this.#pending = new DataView(new ArrayBuffer(Math.ceil(vectors / 64) * 8));
    this.#send = send;
    this.table = {
      covers: (offset) => within(offset, table.offset, this.#entries.byteLength),
      read: (offset, width) => this.#readEntry(offset - table.offset, width),
      write: (offset, width, value) => {
        this.#writeEntry(offset - table.offset, width, value);
      },
    };
    this.pendingBits = {
      covers: (offset) => within(offset, pba.offset, this.#pending.byteLength),
      read: (offset, width) =>
        width === 4 ? this.#pending.getUint32(offset - pba.offset, true) : 0,
      write: () => undefined,
    };
    this.reset();
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** What the message control register says. */
  control(enabled: boolean, functionMask: boolean): void {
    if (enabled === this.#enabled && functionMask === this.#functionMask) return;
    this.#enabled = enabled;
    this.#functionMask = functionMask;
    for (let vector = 0; vector < this.vectors; vector++) this.#deliver(vector);
  }

  /** The device interrupts. While the vector is masked this is kept. */
  notify(vector: number): void {
    if (!this.#enabled || vector >= this.vectors) return;
    this.#setPending(vector, true);
    this.#deliver(vector);
  }

  /** The host writes a message. */
  program(vector: number, { address, data }: Message): void {
    const entry = vector * PCI_MSIX_ENTRY_SIZE;
    this.#entries.setBigUint64(entry, address, true);
    this.#entries.setUint32(entry + 8, data, true);
  }

  /** The host masks or unmasks a vector. */
  setMask(vector: number, masked: boolean): void {
    this.#writeEntry(vector * PCI_MSIX_ENTRY_SIZE + VECTOR_CONTROL, 4, masked ? MASKED : 0);
  }

  /** Everything masked, nothing pending. */
  reset(): void {
    for (let vector = 0; vector < this.vectors; vector++) {
      this.program(vector, { address: 0n, data: 0 });
      this.setMask(vector, true);
      this.#setPending(vector, false);
    }
  }

  #readEntry(at: number, width: 1 | 2 | 4): number {
    return width === 4 ? this.#entries.getUint32(at, true) : 0;
  }

  /** Only dwords and quadwords may be written (PCI Express base specification, 6.1.4.2). */
  #writeEntry(at: number, width: 1 | 2 | 4, value: number): void {
    if (width !== 4) return;
    this.#entries.setUint32(at, value, true);
    if (at % PCI_MSIX_ENTRY_SIZE === VECTOR_CONTROL) {
      this.#deliver(Math.floor(at / PCI_MSIX_ENTRY_SIZE));
    }
  }

  #deliver(vector: number): void {
    const entry = vector * PCI_MSIX_ENTRY_SIZE;
    const masked = (this.#entries.getUint32(entry + VECTOR_CONTROL, true) & MASKED) !== 0;
    if (!this.#enabled || this.#functionMask || masked || !this.#isPending(vector)) return;
    this.#setPending(vector, false);
    this.#send({
      address: this.#entries.getBigUint64(entry, true),
      data: this.#entries.getUint32(entry + 8, true),
    });
  }

  #isPending(vector: number): boolean {
    return (this.#pending.getUint8(vector >>> 3) & (1 << (vector & 7))) !== 0;
  }

  #setPending(vector: number, pending: boolean): void {
    const bit = 1 << (vector & 7);
    const byte = this.#pending.getUint8(vector >>> 3);
    this.#pending.setUint8(vector >>> 3, pending ? byte | bit : byte & ~bit);
  }
}

function within(offset: number, start: number, length: number): boolean {
  return offset >= start && offset < start + length;
}
