import {
  checkBytes,
  checkChoice,
  checkFunction,
  checkInteger,
  checkOptions,
} from '../../checks.js';
import { MSIX_MASKED, pbaSize } from '../../contract/msix-table.js';
import { type AccessWidth, allOnes, isValidAccess } from '../store/guest-access.js';
import {
  checkBarAccess,
  checkBarValue,
  checkConfigAccess,
  checkConfigWrite,
  joinBytes,
} from './accesses.js';
import { type BarOwner, type BarSpan, divide, type ServeBar } from './bar-access.js';
import {
  ENABLE,
  FUNCTION_MASK,
  MSIX_CAPABILITY_SIZE,
  msixCapability,
  type MsixShape,
} from './capability.js';
import type { Delivery, Route } from './delivery.js';
import { MsixRegisters } from './registers.js';
import { deliveryOf, VirtualVectors } from './virtual-vectors.js';

/** Options of {@link VirtualMsix}. */
export interface VirtualMsixOptions extends MsixShape {
  /**
   * Called with the message of a vector before an interrupt is delivered with that message. A VMM
   * sets its interrupt route in this function. The function is allowed to call {@link
   * VirtualMsix.connect} for the vector.
   */
  readonly route?: Route | undefined;
}

/** Offset of the upper byte of Message Control, which contains the writable bits. */
const CONTROL_BYTE = 3;

/**
 * Writable bits of each dword of a table entry. Reserved bits stay 0: the low two bits of the
 * address, and all bits of Vector Control except the mask bit.
 */
const WRITABLE = [~3, ~0, ~0, MSIX_MASKED];

/**
 * MSI-X of a virtual device: the capability, the table and the pending bits (PCI Express Base
 * Specification, sections 6.1.4 and 7.7.2). When a guest accesses the config space or the BAR, the
 * device model calls the read and write methods. Sources are attached to ranges of vectors. Each
 * vector signals the eventfd of its consumer.
 *
 * Accesses of a guest never cause an exception. If the request of a vector fails, the state of the
 * vector becomes `failed`, and `'failed'` is emitted. A read of the mask bit still returns the
 * value that the guest has written. The interrupts of a failed vector become pending. The next
 * unmask of the vector tries the request again.
 *
 * @example
 * const msix = new VirtualMsix({
 *   vectors: 64,
 *   table: { bar: 0, offset: 0x2000 },
 *   pba: { bar: 0, offset: 0x3000 },
 * });
 * msix.attach(new PhysicalSource(device.connection));
 * msix.connect(0, eventfd);
 */
export class VirtualMsix extends VirtualVectors {
  readonly #capability: Uint8Array;
  readonly #table: MsixRegisters;
  readonly #pbaSize: number;
  readonly #delivery: Delivery;
  /** The table and the pending bits of each BAR, in ascending order. */
  readonly #spans: readonly BarSpan[][];

  /**
   * @throws TypeError if an option is unknown or has a wrong type
   * @throws RangeError if the table or the pending bits do not fit into a BAR, or if the table and
   *   the pending bits overlap
   */
  constructor(options: VirtualMsixOptions) {
    checkOptions(options, ['vectors', 'table', 'pba', 'next', 'route']);
    const { vectors, route } = options;
    const capability = msixCapability(options);
    const table = new MsixRegisters(vectors);
    super(table, route);
    this.#capability = capability;
    this.#table = table;
    this.#pbaSize = pbaSize(vectors);
    this.#delivery = deliveryOf(this);
    this.#spans = this.#spansOf(options);
  }

  /**
   * The Function Mask bit of Message Control. While Function Mask is set, all vectors are masked.
   */
  get functionMask(): boolean {
    return this.#delivery.functionMask;
  }

  /**
   * Reads the capability.
   * @param offset - bytes from the start of the capability
   */
  configRead(offset: number, width: 1 | 2 | 4): number {
    checkConfigAccess(offset, width, MSIX_CAPABILITY_SIZE);
    return joinBytes((at) => this.#configByte(at), offset, width);
  }

  /**
   * Writes the capability. Only Enable and Function Mask are writable. When a write sets Enable or
   * clears Function Mask, all unmasked vectors are requested.
   */
  configWrite(offset: number, width: 1 | 2 | 4, value: number): void {
    checkConfigWrite(offset, width, value, MSIX_CAPABILITY_SIZE);
    if (offset > CONTROL_BYTE || offset + width <= CONTROL_BYTE) return;
    const byte = value >>> ((CONTROL_BYTE - offset) * 8);
    this.#delivery.control((byte & ENABLE) !== 0, (byte & FUNCTION_MASK) !== 0);
  }

  /** Reads the table. An unaligned read, or a read of 1 or 2 bytes, returns all ones. */
  tableRead(offset: number, width: 1 | 2 | 4): number;
  tableRead(offset: number, width: 8): bigint;
  tableRead(offset: number, width: AccessWidth): number | bigint {
    if (!isValidAccess(offset, width, this.#table.size)) {
      checkBarAccess(offset, width);
      return allOnes(width);
    }
    const index = offset >>> 2;
    const low = this.#table.word(index);
    return width === 4 ? low : (BigInt(this.#table.word(index + 1)) << 32n) | BigInt(low);
  }

  /** Writes the table. An unaligned write, or a write of 1 or 2 bytes, is dropped. */
  tableWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  tableWrite(offset: number, width: 8, value: bigint): void;
  tableWrite(offset: number, width: AccessWidth, value: number | bigint): void {
    if (!isValidAccess(offset, width, this.#table.size)) {
      checkBarAccess(offset, width);
      checkBarValue(value, width);
      return;
    }
    const index = offset >>> 2;
    if (width === 4) {
      // One comparison finds a wrong type and a value out of range. checkBarValue() throws the
      // error.
      if (typeof value !== 'number' || value >>> 0 !== value) checkBarValue(value, 4);
      this.#writeWord(index, value as number);
      return;
    }
    // The lower half with the message data is written first, because the write of the upper half
    // can unmask the vector.
    checkBarValue(value, 8);
    const wide = value as bigint;
    this.#writeWord(index, Number(wide & 0xffff_ffffn));
    this.#writeWord(index + 1, Number(wide >> 32n));
  }

  /** Reads the pending bits. An unaligned read, or a read of 1 or 2 bytes, returns all ones. */
  pbaRead(offset: number, width: 1 | 2 | 4): number;
  pbaRead(offset: number, width: 8): bigint;
  pbaRead(offset: number, width: AccessWidth): number | bigint {
    if (!isValidAccess(offset, width, this.#pbaSize)) {
      checkBarAccess(offset, width);
      return allOnes(width);
    }
    const index = offset >>> 2;
    const low = this.#delivery.pendingWord(index);
    return width === 4 ? low : (BigInt(this.#delivery.pendingWord(index + 1)) << 32n) | BigInt(low);
  }

  /** Drops a write to the pending bits, because the pending bits are read-only. */
  pbaWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  pbaWrite(offset: number, width: 8, value: bigint): void;
  pbaWrite(offset: number, width: AccessWidth, value: number | bigint): void {
    checkBarAccess(offset, width);
    checkBarValue(value, width);
  }

  /**
   * Performs an access of a guest to a BAR of the virtual device. The table and the pending bits
   * serve their own bytes. The function `serve` serves all other bytes: once for each range of
   * bytes that neither the table nor the pending bits contain. If an access reaches past the start
   * or the end of the table or of the pending bits, each owner serves its part.
   *
   * In the table and in the pending bits, the access reads or writes aligned dwords. All other bytes
   * read as ones, and writes to all other bytes are dropped.
   *
   * @param bar - number of the BAR: 0 to 5
   * @param offset - offset in the BAR, in bytes
   * @param bytes - a read fills the bytes; a write takes the bytes, in little-endian order. The
   *   number of bytes is not limited.
   * @param serve - reads or writes the bytes at an offset of the BAR
   * @returns the owner of the bytes; `mixed` if there are several owners
   * @example
   * msix.accessBar(bar, offset, bytes, 'write', (at, part) => registers.write(at, part));
   */
  accessBar(
    bar: number,
    offset: number,
    bytes: Uint8Array,
    direction: 'read' | 'write',
    serve: ServeBar,
  ): BarOwner {
    checkInteger(bar, 'bar', 0, 5);
    checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
    checkBytes(bytes, 'bytes');
    checkChoice(direction, 'direction', ['read', 'write']);
    checkFunction(serve, 'serve');
    return divide(this.#spans[bar] ?? [], offset, bytes, direction === 'write', serve);
  }

  /**
   * Performs a function level reset: disables MSI-X, masks all vectors, and clears the pending
   * bits. Consumers and sources stay connected.
   */
  reset(): void {
    this.#delivery.control(false, false);
    this.#table.reset();
  }

  #spansOf({ table, pba }: VirtualMsixOptions): BarSpan[][] {
    const spans: readonly (BarSpan & { readonly bar: number })[] = [
      {
        owner: 'table',
        bar: table.bar,
        start: table.offset,
        end: table.offset + this.#table.size,
        read: (offset) => this.tableRead(offset, 4),
        write: (offset, value) => {
          this.tableWrite(offset, 4, value);
        },
      },
      {
        owner: 'pba',
        bar: pba.bar,
        start: pba.offset,
        end: pba.offset + this.#pbaSize,
        read: (offset) => this.pbaRead(offset, 4),
        write: (offset, value) => {
          this.pbaWrite(offset, 4, value);
        },
      },
    ];
    const sorted = spans.toSorted((a, b) => a.start - b.start);
    return Array.from({ length: 6 }, (_, index) => sorted.filter(({ bar }) => bar === index));
  }

  #configByte(offset: number): number {
    const byte = this.#capability[offset] ?? 0;
    if (offset !== CONTROL_BYTE) return byte;
    return byte | (this.enabled ? ENABLE : 0) | (this.functionMask ? FUNCTION_MASK : 0);
  }

  #writeWord(index: number, value: number): void {
    const table = this.#table;
    const vector = index >>> 2;
    const wasMasked = table.masked(vector);
    table.setWord(index, value & (WRITABLE[index & 3] ?? 0));
    if ((index & 3) === 3) this.#delivery.maskWritten(vector, wasMasked);
    else if (!wasMasked) this.#delivery.messageChanged(vector);
  }
}
