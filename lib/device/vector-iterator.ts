import type { PendingInterrupts } from './pending-interrupts.js';
import type { Vector } from './vector.js';
import type { Receiver, VectorReceivers } from './vector-receivers.js';

type Result = IteratorResult<bigint, void>;

const DONE = { done: true, value: undefined } as const;

/**
 * Iterates over the interrupts of a vector, like an async generator. An async generator would run
 * `return()` only after a waiting `next()`, and so only after the next interrupt.
 */
export class VectorIterator implements AsyncGenerator<bigint, void, undefined> {
  readonly #vector: Vector;
  readonly #receivers: VectorReceivers;
  readonly #ofVector: PendingInterrupts;
  readonly #pending: PendingInterrupts;
  /** The calls of `next()` that wait for an interrupt, oldest first. */
  readonly #waiting: ((result: Result) => void)[] = [];
  #state: 'new' | 'started' | 'ended' = 'new';

  /**
   * @param ofVector - the interrupts that the vector stores while the vector has no listener
   * @param pending - an empty object for the interrupts that arrive during the loop body
   */
  constructor(
    vector: Vector,
    receivers: VectorReceivers,
    ofVector: PendingInterrupts,
    pending: PendingInterrupts,
  ) {
    this.#vector = vector;
    this.#receivers = receivers;
    this.#ofVector = ofVector;
    this.#pending = pending;
  }

  next(): Promise<Result> {
    return new Promise((resolve) => {
      if (this.#state === 'new') this.#start();
      const count = this.#pending.take();
      if (count > 0n) {
        resolve({ done: false, value: count });
        return;
      }
      if (this.#vector.closed) this.#end();
      if (this.#state === 'ended') resolve(DONE);
      else this.#waiting.push(resolve);
    });
  }

  async return(): Promise<Result> {
    await Promise.resolve();
    this.#end();
    return DONE;
  }

  async throw(error: unknown): Promise<Result> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #start(): void {
    this.#state = 'started';
    this.#pending.add(this.#ofVector.take());
    this.#receivers.add(this.#receiver);
  }

  readonly #receiver: Receiver = {
    deliver: (count) => {
      const resolve = this.#waiting.shift();
      if (resolve === undefined) this.#pending.add(count);
      else resolve({ done: false, value: count });
    },
    end: () => {
      if (this.#waiting.length > 0) this.#end();
    },
  };

  /** Ends the iteration. The vector keeps the interrupts that were not delivered. */
  #end(): void {
    if (this.#state === 'started') {
      this.#receivers.delete(this.#receiver);
      this.#ofVector.add(this.#pending.take());
    }
    this.#state = 'ended';
    for (const resolve of this.#waiting.splice(0)) resolve(DONE);
  }
}
