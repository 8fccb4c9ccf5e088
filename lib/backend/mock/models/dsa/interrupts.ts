import { maskOf } from '../../../../checks.js';
import type { DeviceHost, MemoryBlock, Register } from '../../hardware/model.js';
import { IMS_OFFSET, MSIX_PERM_OFFSET } from './registers.js';

const WORDS = 4;
const CONTROL = 3;
/** Bits in the control word of an IMS slot and in an MSIX_PERM entry. */
const MASK = 1 << 0;
const PENDING = 1 << 1;
const IGNORE = 1 << 2;
const PASID_ENABLE = 1 << 3;
const PASID_SHIFT = 12;

/**
 * A table of interrupts. Each entry contains a PASID: only work with this PASID is allowed to raise
 * the interrupt of the entry.
 */
export interface InterruptTable {
  readonly size: number;
  readonly registers: readonly (Register | MemoryBlock)[];
  /** Returns the PASID of a table entry. Returns null if the entry is for work without a PASID. */
  pasid(index: number): number | null;
  /**
   * Whether work with a PASID is allowed to raise the interrupt of a table entry. A null PASID
   * means work without a PASID.
   */
  permits(index: number, pasid: number | null): boolean;
  raise(index: number): void;
  reset(): void;
}

function pasidOf(control: number): number | null {
  return (control & PASID_ENABLE) === 0 ? null : control >>> PASID_SHIFT;
}

function permits(control: number, pasid: number | null): boolean {
  return (control & IGNORE) !== 0 || pasidOf(control) === pasid;
}

/**
 * The MSIX_PERM table. Each entry contains a PASID: only work with this PASID is allowed to raise
 * the MSI-X vector of the entry. The size of an entry is 8 bytes.
 */
export class MsixPermissions implements InterruptTable {
  readonly registers: readonly Register[];
  readonly #host: DeviceHost;
  readonly #entries: Uint32Array;

  constructor(host: DeviceHost, vectors: number) {
    this.#host = host;
    this.#entries = new Uint32Array(vectors);
    this.registers = Array.from(this.#entries, (_, vector) => ({
      offset: MSIX_PERM_OFFSET + 8 * vector,
      name: `MSIX_PERM ${vector}`,
      width: 4,
      read: () => this.#entries[vector] ?? 0,
      write: (value) => {
        this.#entries[vector] = value & ((0xfffff << PASID_SHIFT) | PASID_ENABLE | IGNORE);
      },
    }));
  }

  get size(): number {
    return this.#entries.length;
  }

  pasid(vector: number): number | null {
    return pasidOf(this.#entries[vector] ?? 0);
  }

  permits(vector: number, pasid: number | null): boolean {
    return permits(this.#entries[vector] ?? 0, pasid);
  }

  raise(vector: number): void {
    this.#host.signal(vector);
  }

  reset(): void {
    this.#entries.fill(0);
  }
}

/**
 * The interrupt message store of the device. The size of a slot is 16 bytes. The device sends the
 * message of a slot as a DMA write.
 */
export class ImsTable implements InterruptTable {
  readonly registers: readonly MemoryBlock[];
  readonly #send: (address: bigint, data: number) => void;
  readonly #words: Uint32Array;

  constructor(slots: number, send: (address: bigint, data: number) => void) {
    this.#send = send;
    this.#words = new Uint32Array(slots * WORDS);
    this.registers = [
      {
        offset: IMS_OFFSET,
        name: 'IMS',
        size: this.#words.byteLength,
        load: (offset, width) => {
          const word = this.#words[offset >>> 2] ?? 0;
          return (word >>> (8 * (offset & 3))) & maskOf(width);
        },
        store: (offset, _, value) => {
          if (offset % 4 === 0) this.#write(offset >>> 2, value);
        },
      },
    ];
    this.reset();
  }

  get size(): number {
    return this.#words.length / WORDS;
  }

  pasid(slot: number): number | null {
    return pasidOf(this.#control(slot));
  }

  permits(slot: number, pasid: number | null): boolean {
    return permits(this.#control(slot), pasid);
  }

  raise(slot: number): void {
    this.#words[slot * WORDS + CONTROL] = this.#control(slot) | PENDING;
    this.#sendPending(slot);
  }

  /** Clears and masks all slots. */
  reset(): void {
    this.#words.fill(0);
    for (let slot = 0; slot < this.size; slot++) this.#words[slot * WORDS + CONTROL] = MASK;
  }

  /** Writes a word. A write does not change the pending bit. */
  #write(at: number, value: number): void {
    const control = at % WORDS === CONTROL;
    const pending = control ? (this.#words[at] ?? 0) & PENDING : 0;
    this.#words[at] = control ? (value & ~PENDING) | pending : value;
    if (control) this.#sendPending(Math.floor(at / WORDS));
  }

  /** Sends the message of a slot if the pending bit is set and the slot is not masked. */
  #sendPending(slot: number): void {
    const control = this.#control(slot);
    if ((control & PENDING) === 0 || (control & MASK) !== 0) return;
    this.#words[slot * WORDS + CONTROL] = control & ~PENDING;
    const [low = 0, high = 0, data = 0] = this.#words.subarray(slot * WORDS);
    this.#send((BigInt(high) << 32n) | BigInt(low), data);
  }

  #control(slot: number): number {
    return this.#words[slot * WORDS + CONTROL] ?? 0;
  }
}
