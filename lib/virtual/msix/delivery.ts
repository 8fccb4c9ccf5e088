import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';
import type { Message } from '../../contract/message.js';
import type { MsixTable } from '../../contract/msix-table.js';
import type { Fate } from '../vectors/source.js';
import type { Backing, SourceTable } from './backing.js';
import { type Attachment, Sources } from './sources.js';

/** Tells the consumer the message of a vector before it can be delivered by it. */
export type Route = (vector: number, message: Message) => void;

const IDLE = 0;
const REQUESTED = 1;
const FAILED = 2;

/**
 * From the sources to the consumers: which vectors are requested, and what becomes of a signal. It
 * is told when MSI-X is enabled and when mask bits change, and keeps sources in step with that.
 */
export class Delivery implements SourceTable {
  readonly #table: MsixTable;
  readonly #route: Route | undefined;
  readonly #onFailed: (vector: number, error: unknown) => void;
  readonly #sources: Sources;
  readonly #state: Uint8Array;
  readonly #consumers: (Eventfd | null)[];
  readonly #dropped: Uint32Array;
  #enabled = false;
  #functionMask = false;
  /** The vector whose consumer is being told its message. */
  #routing = -1;

  constructor(
    table: MsixTable,
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

  /** Whether interrupts of unmasked vectors are sent. */
  get live(): boolean {
    return this.#enabled && !this.#functionMask;
  }

  get growable(): boolean {
    return this.#sources.all.every(({ source }) => source.growable);
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
    return this.#sources.of(vector)?.isAllocated(vector) === true ? 'allocated' : 'idle';
  }

  isIdle(vector: number): boolean {
    return this.state(vector) === 'idle';
  }

  backing(vector: number): Backing | undefined {
    return this.#sources.of(vector);
  }

  attach(attachment: Attachment): void {
    const { first, count, source } = attachment;
    const fresh = this.#sources.all.every((backing) => backing.source !== source);
    const backing = this.#sources.attach(attachment);
    if (fresh && this.#enabled) tryEnable(backing);
    if (this.live) this.#activateAll(first, first + count);
  }

  connect(vector: number, eventfd: Eventfd | null): void {
    this.#consumers[vector] = eventfd;
    if (this.#routing !== vector && this.#effective(vector)) this.#activate(vector);
  }

  setCookie(vector: number, cookie: Cookie): void {
    const backing = this.#sources.of(vector);
    if (backing === undefined) {
      throw new VfioError({ code: 'EINVAL', message: `vector ${vector} has no source` });
    }
    backing.setCookie(vector, cookie);
    this.#sources.claim(vector);
  }

  /** Enable and function mask were written. */
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

  /** The message of a vector was written. */
  messageChanged(vector: number): void {
    if (this.#effective(vector)) this.#notifyRoute(vector);
  }

  /** The mask bit of a vector was written. */
  maskWritten(vector: number, was: boolean): void {
    if (!this.live) return;
    const masked = this.#table.masked(vector);
    if (masked && !was) this.#hold(vector);
    else if (!masked && (was || this.#state[vector] === FAILED)) this.#activate(vector);
  }

  fire(vector: number): Fate {
    if (!this.#enabled) {
      this.#drop(vector);
      return 'disabled';
    }
    if (this.#state[vector] === REQUESTED && this.#effective(vector)) return this.#deliver(vector);
    this.#table.setPending(vector);
    return 'pending';
  }

  withdraw(vector: number): void {
    this.#sources.of(vector)?.poll(vector);
    this.#table.takePending(vector);
  }

  /** Pending bits of 32 vectors, with those that a source or its device still has. */
  pendingWord(index: number): number {
    const first = index * 32;
    const end = Math.min(first + 32, this.#table.vectors);
    let elsewhere = 0;
    for (let vector = first; vector < end; vector++) {
      if (this.#sources.of(vector)?.poll(vector) === true) elsewhere |= 1 << (vector & 31);
    }
    return (this.#table.pendingWord(index) | elsewhere) >>> 0;
  }

  /** @throws what the source throws; then nothing is enabled */
  enableFor(vectors: number): void {
    this.#table.maskAll();
    for (const backing of this.#sources.all) {
      try {
        backing.enableExactly(vectors);
      } catch (error) {
        for (const other of this.#sources.all) other.disable();
        throw error;
      }
    }
    this.#enabled = true;
    this.#functionMask = false;
  }

  /** @throws what the source throws; then the vector is masked and nobody's */
  bind(vector: number, eventfd: Eventfd | null): void {
    this.#consumers[vector] = eventfd;
    this.#table.setMasked(vector, eventfd === null);
    const error = eventfd === null ? null : this.#tryActivate(vector);
    if (eventfd !== null && error === null) return;
    this.#table.setMasked(vector, true);
    this.#consumers[vector] = null;
    if (this.#state[vector] === REQUESTED) this.#sources.of(vector)?.release(vector);
    this.#state[vector] = IDLE;
    if (error !== null) throw error;
  }

  /** Disabled, all masked, no consumers: as before the first SET_IRQS. */
  disable(): void {
    this.control(false, false);
    this.#table.maskAll();
    this.#consumers.fill(null);
  }

  #effective(vector: number): boolean {
    return this.#enabled && !this.#functionMask && !this.#table.masked(vector);
  }

  #deliver(vector: number): Fate {
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

  /** Takes an unmasked vector into use and delivers what is pending. @returns what went wrong */
  #tryActivate(vector: number): Error | null {
    const backing = this.#sources.of(vector);
    if (backing === undefined) return null;
    this.#notifyRoute(vector);
    // What fires while it moves is kept, and is one delivery with what was pending before; so is
    // what the device has pending itself, and sends.
    this.#state[vector] = IDLE;
    if (this.#table.isPending(vector) && backing.poll(vector)) {
      this.#table.takePending(vector);
    }
    try {
      backing.request(vector, this.consumer(vector));
    } catch (error) {
      this.#fail(backing, vector);
      return error as Error;
    }
    this.#state[vector] = REQUESTED;
    if (this.#table.takePending(vector)) this.#deliver(vector);
    return null;
  }

  #hold(vector: number): void {
    const backing = this.#sources.of(vector);
    if (backing === undefined || this.#state[vector] !== REQUESTED) return;
    try {
      backing.hold(vector);
    } catch (error) {
      this.#fail(backing, vector);
      this.#onFailed(vector, error);
    }
  }

  /** A flow that tears down to grow takes other vectors with it. */
  #fail(backing: Backing, failed: number): void {
    this.#state[failed] = FAILED;
    for (let vector = 0; vector < this.#table.vectors; vector++) {
      if (this.#state[vector] !== REQUESTED || this.#sources.of(vector) !== backing) continue;
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

/** What cannot be allocated now is tried again by the first request. */
function tryEnable(backing: Backing): void {
  try {
    backing.enable();
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
  }
}
