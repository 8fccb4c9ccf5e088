import { checkBoolean, checkChoice, checkInteger } from '../../checks.js';
import type { GuestMessage, Message } from '../../contract/message.js';
import type { VectorRegisters } from './registers.js';
import { joinBytes } from './accesses.js';

const PCI_CAP_ID_MSI = 0x05;
/** Offset of Message Control. The low byte contains all writable bits. */
export const MSI_CONTROL = 2;
export const MSI_ENABLE = 0x01;
const ADDRESS = 4;
const BITS_64 = 0x80;
const PER_VECTOR_MASKING = 0x100;
const MULTIPLE_MESSAGE_ENABLE = 0x70;
/** The highest encoding of the number of vectors is 5, for 32 vectors. */
const COUNTS = [1, 2, 4, 8, 16, 32];

/** Size and fields of an MSI capability. */
export interface MsiShape {
  /** Number of vectors: 1, 2, 4, 8, 16 or 32. */
  readonly vectors: number;
  /** Width of message addresses. Default: 64. */
  readonly bits?: 32 | 64 | undefined;
  /** Whether each vector has a mask bit and a pending bit. Default: false. */
  readonly maskable?: boolean | undefined;
  /** Offset of the next capability in configuration space. Default: none. */
  readonly next?: number | undefined;
}

/**
 * The registers of an MSI capability (PCI Local Bus Specification 3.0, section 6.8.1), without the
 * Enable bit.
 */
export class MsiRegisters implements VectorRegisters {
  readonly vectors: number;
  /** Size of the capability in bytes, rounded up to whole dwords. */
  readonly size: number;
  /** Offset of the mask bits, or null if the capability has no mask bits. */
  readonly maskOffset: number | null;
  readonly #bytes: Uint8Array;
  /** The writable bits of each byte, except the Enable bit and the mask bits. */
  readonly #writable: Uint8Array;
  readonly #data: number;
  readonly #wide: boolean;
  #limit = 0;
  /** Number of vectors that share the message: a power of two. */
  #span = 1;
  #mask = 0;
  #pending = 0;

  constructor({ vectors, bits = 64, maskable = false, next = 0 }: MsiShape) {
    checkChoice(vectors, 'vectors', COUNTS);
    checkChoice(bits, 'bits', [32, 64]);
    checkBoolean(maskable, 'maskable');
    checkInteger(next, 'next', 0, 0xfc);
    this.vectors = vectors;
    this.#wide = bits === 64;
    this.#data = this.#wide ? 12 : 8;
    this.maskOffset = maskable ? this.#data + 4 : null;
    this.size = this.#data + (maskable ? 12 : 4);
    const control =
      (COUNTS.indexOf(vectors) << 1) |
      (this.#wide ? BITS_64 : 0) |
      (maskable ? PER_VECTOR_MASKING : 0);
    this.#bytes = new Uint8Array(this.size);
    this.#bytes.set([PCI_CAP_ID_MSI, next, control & 0xff, control >> 8]);
    this.#writable = new Uint8Array(this.size);
    this.#writable[MSI_CONTROL] = MULTIPLE_MESSAGE_ENABLE;
    this.#writable.fill(0xff, ADDRESS, this.#data + 2);
    this.#writable[ADDRESS] = 0xfc;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Returns a byte. The Enable bit, the mask bits and the pending bits read 0. */
  byte(offset: number): number {
    return this.#bytes[offset] ?? 0;
  }

  /** Writes the writable bits of a byte, except the Enable bit and the mask bits. */
  setByte(offset: number, value: number): void {
    const writable = this.#writable[offset] ?? 0;
    this.#bytes[offset] = (this.byte(offset) & ~writable) | (value & writable);
  }

  /** The mask bits of all vectors. Without per-vector masking, only SET_IRQS masks vectors. */
  get maskBits(): number {
    return this.#mask >>> 0;
  }

  set maskBits(bits: number) {
    this.#mask = bits & this.#all;
  }

  /** Enables as many vectors as Multiple Message Enable contains. */
  enableByGuest(): void {
    this.#span = this.#granted;
    this.#limit = this.#span;
  }

  enableByHost(vectors: number): void {
    this.#span = Math.max(this.#granted, 2 ** Math.ceil(Math.log2(Math.max(1, vectors))));
    this.#limit = vectors;
    this.#mask = this.#all;
  }

  disableByHost(): void {
    this.#mask = 0;
  }

  reset(): void {
    for (let offset = 0; offset < this.size; offset++) this.setByte(offset, 0);
    this.#limit = 0;
    this.#span = 1;
    this.#mask = 0;
    this.#pending = 0;
  }

  /** Returns the message of vector 0, and the number of vectors that share the capability. */
  guestMessage(): GuestMessage {
    const data = this.#word(this.#data, 2) & ~(this.#span - 1);
    return { address: this.#address(), data, vectors: this.#span };
  }

  message(vector: number): Message {
    const { address, data } = this.guestMessage();
    return { address, data: data | vector };
  }

  masked(vector: number): boolean {
    return vector >= this.#limit || (this.#mask & (1 << vector)) !== 0;
  }

  setMasked(vector: number, masked: boolean): void {
    this.#mask = masked ? this.#mask | (1 << vector) : this.#mask & ~(1 << vector);
  }

  pendingWord(index: number): number {
    return index === 0 ? this.#pending : 0;
  }

  isPending(vector: number): boolean {
    return (this.#pending & (1 << vector)) !== 0;
  }

  setPending(vector: number): void {
    this.#pending |= 1 << vector;
  }

  clearPending(vector: number): boolean {
    const pending = this.isPending(vector);
    this.#pending &= ~(1 << vector);
    return pending;
  }

  get #all(): number {
    return 2 ** this.vectors - 1;
  }

  /** Number of vectors that Multiple Message Enable contains. */
  get #granted(): number {
    const encoded = (this.byte(MSI_CONTROL) & MULTIPLE_MESSAGE_ENABLE) >> 4;
    return Math.min(2 ** encoded, this.vectors);
  }

  #address(): bigint {
    const high = this.#wide ? this.#word(ADDRESS + 4, 4) : 0;
    return (BigInt(high) << 32n) | BigInt(this.#word(ADDRESS, 4));
  }

  #word(offset: number, width: number): number {
    return joinBytes((at) => this.byte(at), offset, width);
  }
}
