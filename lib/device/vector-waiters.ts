import { onAbort } from './on-abort.js';
import type { Vector } from './vector.js';

/** A call of `next()` that waits. */
interface Waiter {
  readonly resolve: (count: bigint) => void;
  readonly reject: (error: Error) => void;
  forgetSignal?: () => void;
}

/**
 * The waiting calls of `next()` of one vector. The next interrupt resolves all of them. All calls
 * together use one listener, so that many calls cause no warning of a listener leak.
 */
export class VectorWaiters {
  readonly #vector: Vector;
  readonly #canceled: () => Error;
  readonly #waiting = new Set<Waiter>();

  /** @param canceled - creates the error of a waiting call when the vector is closed */
  constructor(vector: Vector, canceled: () => Error) {
    this.#vector = vector;
    this.#canceled = canceled;
  }

  wait(signal: AbortSignal | undefined): Promise<bigint> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      this.#add(waiter);
      if (signal === undefined) return;
      waiter.forgetSignal = onAbort(signal, () => {
        this.#remove(waiter);
        // The abort reason comes from the caller and can be any value.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(signal.reason);
      });
    });
  }

  readonly #onInterrupt = (count: bigint): void => {
    for (const waiter of this.#waiting) {
      this.#remove(waiter);
      waiter.resolve(count);
    }
  };

  readonly #onClose = (): void => {
    for (const waiter of this.#waiting) {
      this.#remove(waiter);
      waiter.reject(this.#canceled());
    }
  };

  #add(waiter: Waiter): void {
    if (this.#waiting.size === 0) {
      this.#vector.on('interrupt', this.#onInterrupt);
      this.#vector.on('close', this.#onClose);
    }
    this.#waiting.add(waiter);
  }

  #remove(waiter: Waiter): void {
    waiter.forgetSignal?.();
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    this.#vector.off('interrupt', this.#onInterrupt);
    this.#vector.off('close', this.#onClose);
  }
}
