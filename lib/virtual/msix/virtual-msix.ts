import { EventEmitter } from 'node:events';
import type { Eventfd } from '../../contract/index.js';
import { checkInteger } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import type { Cookie } from '../store/layout.js';
import type { Message } from '../../contract/message.js';
import { MSIX_MASKED, MsixTable, pbaSize } from '../../contract/msix-table.js';
import type { VectorRange, VectorSource, VectorTable } from '../vectors/source.js';
import {
  ENABLE,
  FUNCTION_MASK,
  MSIX_CAPABILITY_SIZE,
  msixCapability,
  type MsixShape,
} from './capability.js';
import { Delivery, type Route } from './delivery.js';
import type { FlowName } from './flows.js';

/** The table of a {@link VirtualMsix}, and who hears of its messages. */
export interface VirtualMsixOptions extends MsixShape {
  /**
   * Tells the consumer the message of a vector before it can be delivered by it: where a VMM sets
   * its interrupt route. It may call {@link VirtualMsix.connect} for that vector.
   */
  readonly route?: Route | undefined;
}

/** Events of a {@link VirtualMsix}. */
export interface VirtualMsixEvents {
  /** A vector that was unmasked could not be had, once for each attempt. */
  failed: [vector: number, error: unknown];
}

/** How a source is put behind a table. */
export interface AttachOptions extends VectorRange {
  /** Default: `dynamic` if the source can grow, else `upfront`: neither loses an interrupt. */
  readonly flow?: FlowName | undefined;
}

/**
 * Where a vector is: nobody asked for it; the host has it allocated; it is requested, and delivers
 * when it is unmasked; or the request failed, and the next unmask tries again.
 */
export type VectorState = 'idle' | 'allocated' | 'requested' | 'failed';

type Access = 1 | 2 | 4 | 8;

/** Of Message Control, the byte with the bits that can be written. */
const CONTROL_BYTE = 3;

/**
 * Bits of each dword of a table entry that can be written. Reserved bits stay 0: all of Vector
 * Control but its mask bit, and the low two bits of the address.
 */
const WRITABLE = [~3, ~0, ~0, MSIX_MASKED];

/** Returns the part of a {@link VirtualMsix} that SET_IRQS works on. */
export let deliveryOf: (msix: VirtualMsix) => Delivery;

/**
 * MSI-X of a virtual device: its capability, table and pending bits as the PCI Express Base
 * Specification has them (sections 6.1.4 and 7.7.2), for a device to call from its config space and
 * BAR accesses. Behind ranges of vectors stand sources; before each vector its consumer's eventfd.
 *
 * Accesses of a guest never throw for what the guest does. A vector that cannot be had is `failed`:
 * the mask bit reads as it was written, what fires is pending, `'failed'` is emitted, and the next
 * unmask tries again.
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
export class VirtualMsix extends EventEmitter<VirtualMsixEvents> implements VectorTable {
  readonly vectors: number;
  readonly #capability: Uint8Array;
  readonly #table: MsixTable;
  readonly #pbaSize: number;
  readonly #delivery: Delivery;

  static {
    deliveryOf = (msix) => msix.#delivery;
  }

  /** @throws RangeError if the table or the pending bits cannot be where they are said to be */
  constructor(options: VirtualMsixOptions) {
    super();
    const { vectors, route } = options;
    this.#capability = msixCapability(options);
    this.vectors = vectors;
    this.#table = new MsixTable(vectors);
    this.#pbaSize = pbaSize(vectors);
    this.#delivery = new Delivery(this.#table, route, (vector, error) => {
      this.emit('failed', vector, error);
    });
  }

  /** MSI-X Enable, of Message Control. */
  get enabled(): boolean {
    return this.#delivery.enabled;
  }

  /** Function Mask, of Message Control: all vectors are masked, whatever their own bits say. */
  get functionMask(): boolean {
    return this.#delivery.functionMask;
  }

  /** What a vector's mask bit says. */
  masked(vector: number): boolean {
    this.#check(vector);
    return this.#table.masked(vector);
  }

  /** Whether the host serves a vector. */
  state(vector: number): VectorState {
    this.#check(vector);
    return this.#delivery.state(vector);
  }

  /** The message that the consumer has written for a vector. */
  message(vector: number): Message {
    this.#check(vector);
    return this.#table.message(vector);
  }

  /** Signals that nobody took: the vector had no consumer, or MSI-X was disabled. */
  dropped(vector: number): number {
    this.#check(vector);
    return this.#delivery.dropped(vector);
  }

  /** Whether a vector's pending bit is set. */
  pending(vector: number): boolean {
    this.#check(vector);
    return (this.#delivery.pendingWord(vector >>> 5) & (1 << (vector & 31))) !== 0;
  }

  /**
   * Puts a source behind a range of vectors: all of it, or nothing if it fails. By default source
   * and table begin with the same vector.
   *
   * @throws RangeError for a range that the table or the source does not have
   * @throws {@link VfioError} EBUSY if a vector is allocated or requested, emulated, has a cookie
   *   set, or is this source's already; EINVAL if the source has another place in the table;
   *   ENOTSUP for the flow `dynamic` where the source cannot grow
   */
  attach(source: VectorSource, options: AttachOptions = {}): void {
    const { first = 0, base = 0, claim = false, flow } = options;
    const { count = Math.min(source.count - base, this.vectors - first) } = options;
    this.#delivery.attach({ source, first, count, base, claim, flow });
  }

  /** Sets the eventfd that a vector is delivered to, or null for nobody. */
  connect(vector: number, eventfd: Eventfd | null): void {
    this.#check(vector);
    if (eventfd !== null) checkEventfd(eventfd, 'eventfd');
    this.#delivery.connect(vector, eventfd);
  }

  /**
   * Sets what isolates a vector, at any time; no interrupt is lost by it.
   *
   * @throws {@link VfioError} EINVAL if the vector is emulated, is physical, or has no source
   */
  setCookie(vector: number, cookie: Cookie): void {
    this.#check(vector);
    this.#delivery.setCookie(vector, cookie);
  }

  /** The cause of a vector is gone: what is pending for it is not delivered any more. */
  withdraw(vector: number): void {
    this.#check(vector);
    this.#delivery.withdraw(vector);
  }

  /**
   * Reads of the capability.
   * @param offset - bytes from its start
   */
  configRead(offset: number, width: 1 | 2 | 4): number {
    checkInteger(width, 'width', 1, 4);
    checkInteger(offset, 'offset', 0, MSIX_CAPABILITY_SIZE - width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#configByte(offset + i);
    return value;
  }

  /**
   * Writes to the capability. Only Enable and Function Mask can be written; setting the one or
   * clearing the other acts on every vector that is unmasked.
   */
  configWrite(offset: number, width: 1 | 2 | 4, value: number): void {
    checkInteger(width, 'width', 1, 4);
    checkInteger(offset, 'offset', 0, MSIX_CAPABILITY_SIZE - width);
    if (offset > CONTROL_BYTE || offset + width <= CONTROL_BYTE) return;
    const byte = value >>> ((CONTROL_BYTE - offset) * 8);
    this.#delivery.control((byte & ENABLE) !== 0, (byte & FUNCTION_MASK) !== 0);
  }

  /** Reads of the table: aligned, 4 or 8 bytes wide; anything else reads as all ones. */
  tableRead(offset: number, width: 1 | 2 | 4): number;
  tableRead(offset: number, width: 8): bigint;
  tableRead(offset: number, width: Access): number | bigint {
    if (!answers(offset, width, this.#table.size)) return allOnes(width);
    const index = offset >>> 2;
    const low = this.#table.word(index);
    return width === 4 ? low : (BigInt(this.#table.word(index + 1)) << 32n) | BigInt(low);
  }

  /** Writes to the table: aligned, 4 or 8 bytes wide; anything else is dropped. */
  tableWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  tableWrite(offset: number, width: 8, value: bigint): void;
  tableWrite(offset: number, width: Access, value: number | bigint): void {
    if (!answers(offset, width, this.#table.size)) return;
    const index = offset >>> 2;
    if (width === 4) {
      this.#writeWord(index, value as number);
      return;
    }
    // The lower half first: the data is there before the mask bit beside it is cleared.
    const wide = value as bigint;
    this.#writeWord(index, Number(wide & 0xffff_ffffn));
    this.#writeWord(index + 1, Number((wide >> 32n) & 0xffff_ffffn));
  }

  /** Reads of the pending bits: aligned, 4 or 8 bytes wide; anything else reads as all ones. */
  pbaRead(offset: number, width: 1 | 2 | 4): number;
  pbaRead(offset: number, width: 8): bigint;
  pbaRead(offset: number, width: Access): number | bigint {
    if (!answers(offset, width, this.#pbaSize)) return allOnes(width);
    const index = offset >>> 2;
    const low = this.#delivery.pendingWord(index);
    return width === 4 ? low : (BigInt(this.#delivery.pendingWord(index + 1)) << 32n) | BigInt(low);
  }

  /** Writes to the pending bits: dropped, whatever their width, since software only reads them. */
  pbaWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  pbaWrite(offset: number, width: 8, value: bigint): void;
  pbaWrite(): void {
    return;
  }

  /** A function level reset: disabled, all masked, nothing pending. Consumers and sources stay. */
  reset(): void {
    this.#delivery.control(false, false);
    this.#table.reset();
  }

  #configByte(offset: number): number {
    const byte = this.#capability[offset] ?? 0;
    if (offset !== CONTROL_BYTE) return byte;
    return byte | (this.enabled ? ENABLE : 0) | (this.functionMask ? FUNCTION_MASK : 0);
  }

  #writeWord(index: number, value: number): void {
    const table = this.#table;
    const vector = index >>> 2;
    const was = table.masked(vector);
    table.setWord(index, value & (WRITABLE[index & 3] ?? 0));
    if ((index & 3) === 3) this.#delivery.maskWritten(vector, was);
    else if (!was) this.#delivery.messageChanged(vector);
  }

  #check(vector: number): void {
    checkInteger(vector, 'vector', 0, this.vectors - 1);
  }
}

function answers(offset: number, width: number, size: number): boolean {
  const aligned =
    (width === 4 && (offset & ~3) === offset) || (width === 8 && (offset & ~7) === offset);
  return aligned && offset >= 0 && offset < size;
}

function allOnes(width: Access): number | bigint {
  return width === 8 ? 2n ** 64n - 1n : 2 ** (8 * width) - 1;
}
