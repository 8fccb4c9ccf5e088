import type { Eventfd } from '../../contract/index.js';
import type { VectorSource } from '../vectors/source.js';
import type { Allocation, Flow } from './flows.js';

/** A source behind a table, and what of it is in use. Vectors are the source's own numbers. */
export class Backing implements Allocation {
  readonly source: VectorSource;
  /** Number in the table of the source's vector 0. */
  readonly offset: number;
  readonly bound = new Map<number, Eventfd | null>();
  allocated = 0;
  readonly #flow: Flow;
  #current: Flow;

  constructor(source: VectorSource, offset: number, flow: Flow) {
    this.source = source;
    this.offset = offset;
    this.#flow = flow;
    this.#current = flow;
  }

  /** @param flow - instead of its own, until it is disabled */
  enable(flow: Flow = this.#flow): void {
    this.#current = flow;
    this.#current.enable(this);
  }

  request(vector: number, target: Eventfd | null): void {
    try {
      this.#current.request(this, vector, target);
    } catch (error) {
      this.bound.delete(vector);
      throw error;
    }
    this.bound.set(vector, target);
  }

  hold(vector: number): void {
    try {
      this.source.hold(vector);
    } catch (error) {
      this.bound.delete(vector);
      throw error;
    }
    this.bound.set(vector, null);
  }

  release(vector: number): void {
    this.bound.delete(vector);
    this.source.release(vector);
  }

  disable(): void {
    this.#current = this.#flow;
    this.allocated = 0;
    this.bound.clear();
    this.source.settle?.();
    this.source.disable();
  }
}
