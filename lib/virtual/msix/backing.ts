import type { Eventfd } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Cookie } from '../store/layout.js';
import type { SignalOutcome, VectorSink, VectorSource } from '../vectors/source.js';
import { exactCount, type Flow } from './flows.js';

/** The interface of a virtual MSI-X table to its sources. */
export interface SourceTable {
  /** Number of vectors that the guest has enabled. */
  readonly limit: number;
  /** Returns the source of a vector of the table. */
  backing(vector: number): Backing | undefined;
  /** Whether a vector is neither allocated nor requested. */
  isIdle(vector: number): boolean;
  /** Delivers a signal, or holds the signal while the vector is masked. */
  fire(vector: number): SignalOutcome;
  /** Drops the pending signal of a vector. */
  withdraw(vector: number): void;
}

/**
 * A source that is attached to a table. `Backing` records which vectors of the source are allocated
 * and which vectors are bound. The methods of {@link VectorSink} use vector numbers of the source.
 * All other methods use vector numbers of the table.
 */
export class Backing implements VectorSink {
  readonly source: VectorSource;
  /** The table vector that corresponds to vector 0 of the source. */
  readonly offset: number;
  readonly #table: SourceTable;
  readonly #flow: Flow;
  /** The unmask method that has been in use since MSI-X was enabled. */
  #current: Flow;
  /** Number of allocated vectors of the source: vectors 0 to `#allocated - 1`. */
  #allocated = 0;
  /** Bound vectors of the source, and the eventfd that each vector signals. */
  readonly #bound = new Map<number, Eventfd | null>();

  constructor(source: VectorSource, offset: number, flow: Flow, table: SourceTable) {
    this.source = source;
    this.offset = offset;
    this.#flow = flow;
    this.#current = flow;
    this.#table = table;
  }

  get limit(): number {
    return this.#table.limit - this.offset;
  }

  serves(vector: number): boolean {
    return this.#table.backing(vector + this.offset) === this;
  }

  fire(vector: number): SignalOutcome {
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

  /**
   * Allocates the vectors that the unmask method needs when MSI-X is enabled.
   * @throws VfioError if the host has too few vectors
   */
  enable(): void {
    this.#current = this.#flow;
    this.#allocateInitial();
  }

  /**
   * Allocates the source vectors that correspond to vectors 0 to `vectors - 1` of the table.
   * @throws VfioError if the host has too few vectors; the field `available` of the error counts
   *   vectors of the table
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

  /**
   * Binds a vector to an eventfd. If `target` is null, the source reports the interrupts of the
   * vector to the table.
   */
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

  silence(vector: number): void {
    const { source } = this;
    if (source.silence === undefined) {
      throw new VfioError({
        code: 'EINVAL',
        message: `vector ${vector} has no cookie, because its source is '${source.name}'`,
      });
    }
    source.silence(vector - this.offset);
  }

  /**
   * If the source holds an interrupt of a vector, fires the interrupt.
   * @returns whether the device holds another interrupt of the vector
   */
  poll(vector: number): boolean {
    return this.source.poll?.(vector - this.offset) === true;
  }

  disable(): void {
    this.#current = this.#flow;
    this.#allocated = 0;
    this.#bound.clear();
    this.source.quiesce?.();
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
      this.#allocate(count, flow.bindsFirst && this.serves(0) ? [null] : []);
    } catch (error) {
      const available = error instanceof VfioError ? (error.available ?? 0) : 0;
      if (!flow.acceptsFewer || available === 0) throw error;
      this.#allocate(available);
    }
  }

  #allocate(count: number, targets: readonly (Eventfd | null | undefined)[] = []): void {
    this.source.allocate(count, targets);
    this.#allocated = count;
    targets.forEach((eventfd, vector) => {
      if (eventfd !== undefined) this.#bound.set(vector, eventfd);
    });
  }

  /**
   * Frees all vectors, and allocates a block that ends with vector `own`. Then binds vector `own`
   * and the vectors that were bound before.
   */
  #rebuild(own: number, target: Eventfd | null): void {
    const targets: (Eventfd | null | undefined)[] = [];
    for (const [vector, eventfd] of this.#bound) targets[vector] = eventfd;
    targets[own] = target;
    this.source.disable();
    this.#allocated = 0;
    this.#bound.clear();
    this.#allocate(own + 1, targets);
  }
}
