import { EventEmitter } from 'node:events';
import type { Eventfd } from '../../contract/index.js';
import {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkInteger,
  checkMethods,
  checkNumber,
  checkOptions,
  checkU64,
} from '../../checks.js';
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
import { FLOW_NAMES, type FlowName } from './flows.js';

/** Options of {@link VirtualMsix}. */
export interface VirtualMsixOptions extends MsixShape {
  /**
   * Called with the message of a vector before an interrupt is delivered with that message. A VMM
   * sets its interrupt route in this function. The function is allowed to call {@link
   * VirtualMsix.connect} for the vector.
   */
  readonly route?: Route | undefined;
}

/** Events of a {@link VirtualMsix}. */
export interface VirtualMsixEvents {
  /**
   * The request of an unmasked vector failed. The event is emitted once for each failed request.
   */
  failed: [vector: number, error: unknown];
  /**
   * A source was attached to `count` vectors from `first` on. The source has raised no interrupt
   * yet.
   */
  attached: [first: number, count: number];
}

/** Options of {@link VirtualMsix.attach}. */
export interface AttachOptions extends VectorRange {
  /**
   * How vectors are allocated. Default: `dynamic` if the source can grow, else `upfront`. Neither
   * `dynamic` nor `upfront` loses an interrupt.
   */
  readonly flow?: FlowName | undefined;
}

/**
 * State of a vector:
 * - `idle`: not allocated;
 * - `allocated`: the host has allocated the vector;
 * - `requested`: the vector is bound, and its interrupts are delivered while the vector is
 *   unmasked;
 * - `failed`: the request failed, and the next unmask repeats the request.
 */
export type VectorState = 'idle' | 'allocated' | 'requested' | 'failed';

type Access = 1 | 2 | 4 | 8;

/** Offset of the upper byte of Message Control, which contains the writable bits. */
const CONTROL_BYTE = 3;

/**
 * Writable bits of each dword of a table entry. Reserved bits stay 0: the low two bits of the
 * address, and all bits of Vector Control except the mask bit.
 */
const WRITABLE = [~3, ~0, ~0, MSIX_MASKED];

const SOURCE = ['connect', 'allocate', 'request', 'hold', 'release', 'setCookie', 'disable'];

/**
 * Returns the {@link Delivery} of a {@link VirtualMsix}. SET_IRQS calls the methods of the
 * {@link Delivery}.
 */
export let deliveryOf: (msix: VirtualMsix) => Delivery;

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
export class VirtualMsix extends EventEmitter<VirtualMsixEvents> implements VectorTable {
  readonly vectors: number;
  readonly #capability: Uint8Array;
  readonly #table: MsixTable;
  readonly #pbaSize: number;
  readonly #delivery: Delivery;

  static {
    deliveryOf = (msix) => msix.#delivery;
  }

  /**
   * @throws RangeError if the table or the pending bits do not fit into a BAR, or if the table and
   *   the pending bits overlap
   */
  constructor(options: VirtualMsixOptions) {
    super();
    checkOptions(options, ['vectors', 'table', 'pba', 'next', 'route']);
    const { vectors, route } = options;
    if (route !== undefined) checkFunction(route, 'route');
    this.#capability = msixCapability(options);
    this.vectors = vectors;
    this.#table = new MsixTable(vectors);
    this.#pbaSize = pbaSize(vectors);
    this.#delivery = new Delivery(this.#table, route, (vector, error) => {
      this.emit('failed', vector, error);
    });
  }

  /** The MSI-X Enable bit of Message Control. */
  get enabled(): boolean {
    return this.#delivery.enabled;
  }

  /**
   * The Function Mask bit of Message Control. While Function Mask is set, all vectors are masked.
   */
  get functionMask(): boolean {
    return this.#delivery.functionMask;
  }

  /** Whether the mask bit of a vector is set. */
  masked(vector: number): boolean {
    this.#check(vector);
    return this.#table.masked(vector);
  }

  /** Returns the state of a vector. */
  state(vector: number): VectorState {
    this.#check(vector);
    return this.#delivery.state(vector);
  }

  /** Returns the message that the guest has written for a vector. */
  message(vector: number): Message {
    this.#check(vector);
    return this.#table.message(vector);
  }

  /**
   * Returns the number of dropped signals of a vector. A signal is dropped if the vector has no
   * consumer or MSI-X is disabled.
   */
  dropped(vector: number): number {
    this.#check(vector);
    return this.#delivery.dropped(vector);
  }

  /** Whether the pending bit of a vector is set. */
  pending(vector: number): boolean {
    this.#check(vector);
    return (this.#delivery.pendingWord(vector >>> 5) & (1 << (vector & 31))) !== 0;
  }

  /**
   * Attaches a source to a range of vectors. If the call fails, no vector is attached. By default,
   * vector 0 of the source serves vector 0 of the table.
   *
   * @throws RangeError if the range exceeds the table or the source
   * @throws {@link VfioError} EBUSY if a vector of the range is in use: allocated, requested,
   *   emulated, with a cookie, or already attached to this source
   * @throws {@link VfioError} EINVAL if an earlier call attached the source at another offset
   * @throws {@link VfioError} ENOTSUP if `flow` is `dynamic`, but the source cannot grow
   */
  attach(source: VectorSource, options: AttachOptions = {}): void {
    checkMethods(source, 'source', 'VectorSource', SOURCE);
    checkOptions(options, ['first', 'base', 'claim', 'flow', 'count']);
    const { first = 0, base = 0, claim = false, flow } = options;
    checkBoolean(claim, 'claim');
    if (flow !== undefined) checkChoice(flow, 'flow', FLOW_NAMES);
    checkInteger(base, 'base', 0, source.count - 1);
    checkInteger(first, 'first', 0, this.vectors - 1);
    const { count = Math.min(source.count - base, this.vectors - first) } = options;
    this.#delivery.attach({ source, first, count, base, claim, flow }, () => {
      this.emit('attached', first, count);
    });
  }

  /**
   * Sets the eventfd that a vector signals. If `eventfd` is null, the interrupts of the vector are
   * dropped.
   */
  connect(vector: number, eventfd: Eventfd | null): void {
    this.#check(vector);
    if (eventfd !== null) checkEventfd(eventfd, 'eventfd');
    this.#delivery.connect(vector, eventfd);
  }

  /**
   * Sets the cookie of a vector. The call is allowed at any time and loses no interrupt.
   *
   * @throws {@link VfioError} EINVAL if the vector is emulated, is physical, or has no source
   */
  setCookie(vector: number, cookie: Cookie): void {
    this.#check(vector);
    this.#delivery.setCookie(vector, cookie);
  }

  /**
   * Silences a vector until a cookie is set. Interrupts that were sent before the call are
   * delivered. Later interrupts are void, and are dropped when a cookie is set.
   *
   * @throws {@link VfioError} EINVAL if the vector is emulated, is physical, or has no source
   */
  silence(vector: number): void {
    this.#check(vector);
    this.#delivery.silence(vector);
  }

  /**
   * Clears the pending bit of a vector without delivering the interrupt. Call this method after the
   * cause of the interrupt is gone.
   */
  withdraw(vector: number): void {
    this.#check(vector);
    this.#delivery.withdraw(vector);
  }

  /**
   * Reads the capability.
   * @param offset - bytes from the start of the capability
   */
  configRead(offset: number, width: 1 | 2 | 4): number {
    checkInteger(width, 'width', 1, 4);
    checkInteger(offset, 'offset', 0, MSIX_CAPABILITY_SIZE - width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#configByte(offset + i);
    return value;
  }

  /**
   * Writes the capability. Only Enable and Function Mask are writable. When a write sets Enable or
   * clears Function Mask, all unmasked vectors are requested.
   */
  configWrite(offset: number, width: 1 | 2 | 4, value: number): void {
    checkInteger(width, 'width', 1, 4);
    checkInteger(offset, 'offset', 0, MSIX_CAPABILITY_SIZE - width);
    checkNumber(value, 'value');
    if (offset > CONTROL_BYTE || offset + width <= CONTROL_BYTE) return;
    const byte = value >>> ((CONTROL_BYTE - offset) * 8);
    this.#delivery.control((byte & ENABLE) !== 0, (byte & FUNCTION_MASK) !== 0);
  }

  /** Reads the table. An unaligned read, or a read of 1 or 2 bytes, returns all ones. */
  tableRead(offset: number, width: 1 | 2 | 4): number;
  tableRead(offset: number, width: 8): bigint;
  tableRead(offset: number, width: Access): number | bigint {
    if (!isValidAccess(offset, width, this.#table.size)) return allOnes(width);
    const index = offset >>> 2;
    const low = this.#table.word(index);
    return width === 4 ? low : (BigInt(this.#table.word(index + 1)) << 32n) | BigInt(low);
  }

  /** Writes the table. An unaligned write, or a write of 1 or 2 bytes, is dropped. */
  tableWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  tableWrite(offset: number, width: 8, value: bigint): void;
  tableWrite(offset: number, width: Access, value: number | bigint): void {
    if (!isValidAccess(offset, width, this.#table.size)) return;
    const index = offset >>> 2;
    if (width === 4) {
      if (typeof value !== 'number') checkNumber(value, 'value');
      this.#writeWord(index, value);
      return;
    }
    if (typeof value !== 'bigint') checkU64(value, 'value');
    // The lower half with the message data is written first, because the write of the upper half
    // can unmask the vector.
    const wide = value;
    this.#writeWord(index, Number(wide & 0xffff_ffffn));
    this.#writeWord(index + 1, Number((wide >> 32n) & 0xffff_ffffn));
  }

  /** Reads the pending bits. An unaligned read, or a read of 1 or 2 bytes, returns all ones. */
  pbaRead(offset: number, width: 1 | 2 | 4): number;
  pbaRead(offset: number, width: 8): bigint;
  pbaRead(offset: number, width: Access): number | bigint {
    if (!isValidAccess(offset, width, this.#pbaSize)) return allOnes(width);
    const index = offset >>> 2;
    const low = this.#delivery.pendingWord(index);
    return width === 4 ? low : (BigInt(this.#delivery.pendingWord(index + 1)) << 32n) | BigInt(low);
  }

  /** Drops a write to the pending bits, because the pending bits are read-only. */
  pbaWrite(offset: number, width: 1 | 2 | 4, value: number): void;
  pbaWrite(offset: number, width: 8, value: bigint): void;
  pbaWrite(): void {
    return;
  }

  /**
   * Performs a function level reset: disables MSI-X, masks all vectors, and clears the pending
   * bits. Consumers and sources stay connected.
   */
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
    const wasMasked = table.masked(vector);
    table.setWord(index, value & (WRITABLE[index & 3] ?? 0));
    if ((index & 3) === 3) this.#delivery.maskWritten(vector, wasMasked);
    else if (!wasMasked) this.#delivery.messageChanged(vector);
  }

  #check(vector: number): void {
    checkInteger(vector, 'vector', 0, this.vectors - 1);
  }
}

function isValidAccess(offset: number, width: number, size: number): boolean {
  if (typeof offset !== 'number') checkNumber(offset, 'offset');
  if (typeof width !== 'number') checkNumber(width, 'width');
  const aligned =
    (width === 4 && (offset & ~3) === offset) || (width === 8 && (offset & ~7) === offset);
  return aligned && offset >= 0 && offset < size;
}

function allOnes(width: Access): number | bigint {
  return width === 8 ? 2n ** 64n - 1n : 2 ** (8 * width) - 1;
}
