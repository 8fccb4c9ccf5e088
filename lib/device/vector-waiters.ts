import { abortError } from '../contract/abort-error.js';
import type { DeviceClock } from '../contract/clock.js';
import type { WaitOptions } from '../contract/wait.js';
import { onAbort } from './on-abort.js';
import type { Vector } from './vector.js';

/** A call of `next()` that waits. */
interface Waiter {
  readonly resolve: (count: bigint) => void;
  readonly reject: (error: Error) => void;
  /** Functions that remove the waiter from its signal and its timer. */
  readonly undo: (() => void)[];
}

/** Creates the error of a call whose wait has ended without an interrupt. */
type WaitError = (code: string, end: string) => Error;

/**
 * The waiting calls of `next()` of one vector. The next interrupt resolves all of them. All calls
 * together use one listener, so that many calls cause no warning of a listener leak.
 */
export class VectorWaiters {
  readonly #vector: Vector;
  readonly #clock: DeviceClock;
  readonly #error: WaitError;
  readonly #waiting = new Set<Waiter>();

  /** @param clock - measures the timeouts */
  constructor(vector: Vector, clock: DeviceClock, error: WaitError) {
    this.#vector = vector;
    this.#clock = clock;
    this.#error = error;
  }

  wait({ timeout, signal }: WaitOptions): Promise<bigint> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, undo: [] };
      this.#add(waiter);
      const fail = (error: Error) => {
        this.#remove(waiter);
        reject(error);
      };
      if (signal !== undefined) {
        waiter.undo.push(
          onAbort(signal, () => {
            fail(abortError(signal));
          }),
        );
      }
      if (timeout !== undefined) {
        const onTimeout = () => {
          fail(this.#error('ETIMEDOUT', `has had no interrupt for ${timeout} ms`));
        };
        waiter.undo.push(this.#clock.after(timeout, onTimeout));
      }
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
      waiter.reject(this.#error('ECANCELED', 'was closed'));
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
    for (const undo of waiter.undo) undo();
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    this.#vector.off('interrupt', this.#onInterrupt);
    this.#vector.off('close', this.#onClose);
  }
}
