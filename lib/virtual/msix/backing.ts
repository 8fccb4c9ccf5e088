import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';
import type { Fate, VectorSink, VectorSource } from '../vectors/source.js';
import { exactCount, type Flow } from './flows.js';

/** The table, as its sources reach it. */
export interface SourceTable {
  /** Returns the source behind a vector of the table. */
  backing(vector: number): Backing | undefined;
  /** Whether a vector is neither allocated nor requested. */
  isIdle(vector: number): boolean;
  /** Delivers a signal, or keeps it while the vector is masked. */
  fire(vector: number): Fate;
  /** Drops the pending signal of a vector. */
  withdraw(vector: number): void;
}

/**
 * A source behind a table, and the state of its vectors: which are allocated, and which are bound.
 * The methods of {@link VectorSink} take the source's own numbers of vectors, all others the
 * table's.
 */
export class Backing implements VectorSink {
  readonly source: VectorSource;
  /** Number in the table of the source's vector 0. */
  readonly offset: number;
  readonly #table: SourceTable;
  readonly #flow: Flow;
  /** The flow since MSI-X was enabled. */
  #current: Flow;
  /** The source's vectors below this one are allocated; 0 if none is. */
  #allocated = 0;
  /** The source's vectors that are in use, and the eventfds that they signal. */
  readonly #bound = new Map<number, Eventfd | null>();

  constructor(source: VectorSource, offset: number, flow: Flow, table: SourceTable) {
    this.source = source;
    this.offset = offset;
    this.#flow = flow;
    this.#current = flow;
    this.#table = table;
  }

  serves(vector: number): boolean {
    return this.#table.backing(vector + this.offset) === this;
  }

  fire(vector: number): Fate {
    return this.#table.fire(vector + this.offset);
  }

  withdraw(vector: number): void {
    this.#table.withdraw(vector + this.offset);
  }

  isAllocated(vector: number): boolean {
    return vector - this.offset < this.#allocated;
  }

  isBound(vector: number): boolean {
    return this.#bound.has(vector - this.offset);
  }

  /** Allocates the first vectors of the flow. @throws VfioError if the host does not have them */
  enable(): void {
    this.#current = this.#flow;
    this.#allocateInitial();
  }

  /**
   * Allocates the vectors of the source among the first vectors of the table.
   * @throws VfioError with `available` in vectors of the table, if the host does not have them
   */
  enableExactly(vectors: number): void {
    this.#current = exactCount(vectors - this.offset);
    try {
      this.#allocateInitial();
    } catch (error) {
      if (!(error instanceof VfioError) || error.available === undefined) throw error;
      const { code, available, message } = error;
      throw new VfioError({ code, available: available + this.offset, message });
    }
  }

  /** Takes a vector into use: its interrupts signal `target`. */
  request(vector: number, target: Eventfd | null): void {
    const own = vector - this.offset;
    try {
      if (this.#current.rebuilds && own >= this.#allocated) this.#rebuild(own, target);
      else this.#request(own, target);
    } catch (error) {
      this.#bound.delete(own);
      throw error;
    }
    this.#bound.set(own, target);
  }

  hold(vector: number): void {
    const own = vector - this.offset;
    try {
      this.source.hold(own);
    } catch (error) {
      this.#bound.delete(own);
      throw error;
    }
    this.#bound.set(own, null);
  }

  release(vector: number): void {
    const own = vector - this.offset;
    this.#bound.delete(own);
    this.source.release(own);
  }

  setCookie(vector: number, cookie: Cookie): void {
    this.source.setCookie(vector - this.offset, cookie);
  }

  /** Fetches signals that the source keeps. @returns whether the device itself keeps one */
  poll(vector: number): boolean {
    return this.source.poll?.(vector - this.offset) === true;
  }

  disable(): void {
    this.#current = this.#flow;
    this.#allocated = 0;
    this.#bound.clear();
    this.source.settle?.();
    this.source.disable();
  }

  #request(own: number, target: Eventfd | null): void {
    const { source } = this;
    if (this.#allocated === 0) this.#allocateInitial();
    if (own >= this.#allocated && !source.growable) {
      throw this.#current.shortage(own, this.#allocated, source.count);
    }
    source.request(own, target);
  }

  #allocateInitial(): void {
    const flow = this.#current;
    const count = flow.initialCount(this.source.count);
    if (count === 0) return;
    try {
      this.#allocate(count);
    } catch (error) {
      const available = error instanceof VfioError ? (error.available ?? 0) : 0;
      if (!flow.acceptsFewer || available === 0) throw error;
      this.#allocate(available);
    }
  }

  #allocate(count: number, targets?: readonly (Eventfd | null | undefined)[]): void {
    this.source.allocate(count, targets);
    this.#allocated = count;
  }

  /** Frees all vectors, then allocates a block up to `own` with the bound vectors and this one. */
  #rebuild(own: number, target: Eventfd | null): void {
    const targets: (Eventfd | null | undefined)[] = [];
    for (const [vector, eventfd] of this.#bound) targets[vector] = eventfd;
    targets[own] = target;
    this.source.disable();
    this.#allocated = 0;
    this.#bound.clear();
    this.#allocate(own + 1, targets);
    targets.forEach((eventfd, vector) => {
      if (eventfd !== undefined) this.#bound.set(vector, eventfd);
    });
  }
}
