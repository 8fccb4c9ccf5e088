import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';
import type { Message } from '../../contract/message.js';
import type { SignalOutcome } from '../vectors/source.js';
import type { Backing, SourceTable } from './backing.js';
import type { VectorRegisters } from './registers.js';
import { type Attachment, Sources } from './sources.js';

/** Called with the message of a vector, before an interrupt of the vector is delivered. */
export type Route = (vector: number, message: Message) => void;

const IDLE = 0;
const REQUESTED = 1;
const FAILED = 2;

/**
 * Delivers the signals of the sources to the consumers. When the Enable bit, Function Mask or a mask
 * bit changes, this class requests unmasked vectors from the sources and holds the interrupts of
 * masked vectors.
 */
export class Delivery implements SourceTable {
  readonly #table: VectorRegisters;
  readonly #route: Route | undefined;
  readonly #onFailed: (vector: number, error: unknown) => void;
  readonly #sources: Sources;
  readonly #state: Uint8Array;
  readonly #consumers: (Eventfd | null)[];
  readonly #dropped: Uint32Array;
  #enabled = false;
  #functionMask = false;
  /**
   * The vector that was passed to the running route function; -1 if the function is not running.
   */
  #routing = -1;

  constructor(
    table: VectorRegisters,
    route: Route | undefined,
    onFailed: (vector: number, error: unknown) => void,
  ) {
    const { vectors } = table;
    this.#table = table;
    this.#route = route;
    this.#onFailed = onFailed;
    this.#sources = new Sources(vectors, this);
    this.#state = new Uint8Array(vectors);
    this.#consumers = new Array<Eventfd | null>(vectors).fill(null);
    this.#dropped = new Uint32Array(vectors);
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get functionMask(): boolean {
    return this.#functionMask;
  }

  /** Whether the Enable bit is set and Function Mask is clear. */
  get live(): boolean {
    return this.#enabled && !this.#functionMask;
  }

  get growable(): boolean {
    return this.#sources.all.every(({ source }) => source.growable);
  }

  get vectors(): number {
    return this.#table.vectors;
  }

  get limit(): number {
    return this.#enabled ? this.#table.limit : this.#table.vectors;
  }

  masked(vector: number): boolean {
    return this.#table.masked(vector);
  }

  message(vector: number): Message {
    return this.#table.message(vector);
  }

  consumer(vector: number): Eventfd | null {
    return this.#consumers[vector] ?? null;
  }

  dropped(vector: number): number {
    return this.#dropped[vector] ?? 0;
  }

  state(vector: number): 'idle' | 'allocated' | 'requested' | 'failed' {
    const state = this.#state[vector];
    if (state !== IDLE) return state === FAILED ? 'failed' : 'requested';
    return this.#sources.backing(vector)?.isAllocated(vector) === true ? 'allocated' : 'idle';
  }

  isIdle(vector: number): boolean {
    return this.state(vector) === 'idle';
  }

  backing(vector: number): Backing | undefined {
    return this.#sources.backing(vector);
  }

  /** @param onAttached - called before the source raises an interrupt */
  attach(attachment: Attachment, onAttached: () => void): void {
    const { first, count, source } = attachment;
    const fresh = this.#sources.all.every((backing) => backing.source !== source);
    const backing = this.#sources.attach(attachment);
    onAttached();
    if (fresh && this.#enabled) tryEnable(backing);
    if (this.live) this.#activateAll(first, first + count);
  }

  connect(vector: number, eventfd: Eventfd | null): void {
    this.#consumers[vector] = eventfd;
    if (this.#routing !== vector && this.#canDeliver(vector)) this.#activate(vector);
  }

  setCookie(vector: number, cookie: Cookie): void {
    this.#requireBacking(vector).setCookie(vector, cookie);
    this.#sources.claim(vector);
  }

  silence(vector: number): void {
    this.#requireBacking(vector).silence(vector);
    this.#sources.claim(vector);
  }

  /** Applies a write to the Enable bit and, for MSI-X, to Function Mask. */
  control(enabled: boolean, functionMask: boolean): void {
    const wasLive = this.live;
    const live = enabled && !functionMask;
    if (enabled && !this.#enabled) {
      for (const backing of this.#sources.all) tryEnable(backing);
    } else if (!enabled && this.#enabled) {
      for (const backing of this.#sources.all) backing.disable();
      this.#state.fill(IDLE);
    }
    this.#enabled = enabled;
    this.#functionMask = functionMask;
    if (live && !wasLive) this.#activateAll(0, this.#table.vectors);
    else if (enabled && wasLive && !live) this.#holdAll();
  }

  /**
   * Called after a write to the message of a vector. Calls the route function with the new message.
   */
  messageChanged(vector: number): void {
    if (this.#canDeliver(vector)) this.#notifyRoute(vector);
  }

  /**
   * Applies a write to the mask bit of a vector. If the vector is now unmasked, requests the
   * vector. If the vector is now masked, holds the interrupts of the vector.
   */
  maskWritten(vector: number, wasMasked: boolean): void {
    if (!this.live) return;
    const masked = this.#table.masked(vector);
    if (masked && !wasMasked) this.#hold(vector);
    else if (!masked && (wasMasked || this.#state[vector] === FAILED)) this.#activate(vector);
  }

  fire(vector: number): SignalOutcome {
    if (!this.#enabled) {
      this.#drop(vector);
      return 'disabled';
    }
    if (this.#state[vector] === REQUESTED && this.#canDeliver(vector)) return this.#deliver(vector);
    this.#table.setPending(vector);
    return 'pending';
  }

  withdraw(vector: number): void {
    this.#sources.backing(vector)?.poll(vector);
    this.#table.clearPending(vector);
  }

  /**
   * Returns the pending bits of 32 vectors. The bit of a vector is also set while a source or a
   * device holds an interrupt of the vector.
   */
  pendingWord(index: number): number {
    const first = index * 32;
    const end = Math.min(first + 32, this.#table.vectors);
    let inDevice = 0;
    for (let vector = first; vector < end; vector++) {
      if (this.#sources.backing(vector)?.poll(vector) === true) inDevice |= 1 << (vector & 31);
    }
    return (this.#table.pendingWord(index) | inDevice) >>> 0;
  }

  /**
   * Masks all vectors, allocates vectors 0 to `vectors - 1`, and enables the capability.
   * @throws the error of a source; the capability then stays disabled
   */
  enableExactly(vectors: number): void {
    this.#table.enableByHost(vectors);
    for (const backing of this.#sources.all) {
      try {
        backing.enableExactly(vectors);
      } catch (error) {
        for (const other of this.#sources.all) other.disable();
        this.#table.disableByHost();
        throw error;
      }
    }
    this.#enabled = true;
    this.#functionMask = false;
  }

  /**
   * Binds an eventfd to a vector and unmasks the vector. If `eventfd` is null, masks and releases
   * the vector.
   * @throws the error of the source; the vector is then masked and has no consumer
   */
  bind(vector: number, eventfd: Eventfd | null): void {
    this.#consumers[vector] = eventfd;
    this.#table.setMasked(vector, eventfd === null);
    const error = eventfd === null ? null : this.#tryActivate(vector);
    if (eventfd !== null && error === null) return;
    this.#table.setMasked(vector, true);
    this.#consumers[vector] = null;
    if (this.#state[vector] === REQUESTED) this.#sources.backing(vector)?.release(vector);
    this.#state[vector] = IDLE;
    if (error !== null) throw error;
  }

  /**
   * Disables the capability and removes all consumers. The mask bits then have the same values as
   * before the first SET_IRQS.
   */
  disable(): void {
    this.control(false, false);
    this.#table.disableByHost();
    this.#consumers.fill(null);
  }

  #requireBacking(vector: number): Backing {
    const backing = this.#sources.backing(vector);
    if (backing !== undefined) return backing;
    throw new VfioError({ code: 'EINVAL', message: `vector ${vector} has no source` });
  }

  #canDeliver(vector: number): boolean {
    return this.#enabled && !this.#functionMask && !this.#table.masked(vector);
  }

  #deliver(vector: number): SignalOutcome {
    const consumer = this.#consumers[vector];
    if (consumer === null || consumer === undefined) {
      this.#drop(vector);
      return 'dropped';
    }
    consumer.signal();
    return 'delivered';
  }

  #drop(vector: number): void {
    this.#dropped[vector] = (this.#dropped[vector] ?? 0) + 1;
  }

  #activateAll(first: number, end: number): void {
    for (let vector = first; vector < end; vector++) {
      if (!this.#table.masked(vector)) this.#activate(vector);
    }
  }

  #holdAll(): void {
    for (let vector = 0; vector < this.#table.vectors; vector++) {
      if (!this.#table.masked(vector)) this.#hold(vector);
    }
  }

  #activate(vector: number): void {
    const error = this.#tryActivate(vector);
    if (error !== null) this.#onFailed(vector, error);
  }

  /**
   * Requests an unmasked vector, then delivers its pending interrupt.
   * @returns the error of the source, or null
   */
  #tryActivate(vector: number): Error | null {
    const backing = this.#sources.backing(vector);
    if (backing === undefined) return null;
    this.#notifyRoute(vector);
    // If an interrupt fires during the request, the interrupt and the pending interrupt are
    // delivered as one. If the device holds an interrupt, the device sends the interrupt after the
    // request. The pending bit is cleared here, so that an interrupt of the device is not delivered
    // twice.
    this.#state[vector] = IDLE;
    if (this.#table.isPending(vector) && backing.poll(vector)) {
      this.#table.clearPending(vector);
    }
    try {
      backing.request(vector, this.consumer(vector));
    } catch (error) {
      this.#fail(backing, vector);
      return error as Error;
    }
    this.#state[vector] = REQUESTED;
    if (this.#table.clearPending(vector)) this.#deliver(vector);
    return null;
  }

  #hold(vector: number): void {
    const backing = this.#sources.backing(vector);
    if (backing === undefined || this.#state[vector] !== REQUESTED) return;
    try {
      backing.hold(vector);
    } catch (error) {
      this.#fail(backing, vector);
      this.#onFailed(vector, error);
    }
  }

  /**
   * Marks a vector as failed. If a failed rebuild has left other vectors unbound, also marks the
   * unbound vectors as failed.
   */
  #fail(backing: Backing, failed: number): void {
    this.#state[failed] = FAILED;
    for (let vector = 0; vector < this.#table.vectors; vector++) {
      if (this.#state[vector] !== REQUESTED || this.#sources.backing(vector) !== backing) continue;
      if (!backing.isBound(vector)) this.#state[vector] = FAILED;
    }
  }

  #notifyRoute(vector: number): void {
    if (this.#route === undefined) return;
    this.#routing = vector;
    try {
      this.#route(vector, this.#table.message(vector));
    } finally {
      this.#routing = -1;
    }
  }
}

/**
 * Enables a source. If the allocation fails, the first request of a vector tries the allocation
 * again.
 */
function tryEnable(backing: Backing): void {
  try {
    backing.enable();
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
  }
}
