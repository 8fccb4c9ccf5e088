import { abortError } from '../contract/abort-error.js';
import type { DeviceClock } from '../contract/clock.js';
import { onAbort } from '../contract/on-abort.js';
import type { WaitOptions } from '../contract/wait.js';
import type { Receiver, VectorReceivers } from './vector-receivers.js';

/** A call of `next()` that waits. */
interface Waiter {
  readonly resolve: (count: bigint) => void;
  readonly reject: (error: Error) => void;
  /** Functions that remove the waiter from its signal and its timer. */
  readonly undo: (() => void)[];
}

/** Creates the error of a call whose wait has ended without an interrupt. */
type WaitError = (code: string, end: string) => Error;

/** The waiting calls of `next()` of one vector. The next interrupt resolves all of them. */
export class VectorWaiters implements Receiver {
  readonly #receivers: VectorReceivers;
  readonly #clock: DeviceClock;
  readonly #error: WaitError;
  readonly #waiting = new Set<Waiter>();

  /** @param clock - measures the timeouts */
  constructor(receivers: VectorReceivers, clock: DeviceClock, error: WaitError) {
    this.#receivers = receivers;
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

  deliver(count: bigint): void {
    for (const waiter of this.#waiting) {
      this.#remove(waiter);
      waiter.resolve(count);
    }
  }

  end(): void {
    for (const waiter of this.#waiting) {
      this.#remove(waiter);
      waiter.reject(this.#error('ECANCELED', 'was closed'));
    }
  }

  #add(waiter: Waiter): void {
    this.#waiting.add(waiter);
    if (this.#waiting.size === 1) this.#receivers.add(this);
  }

  #remove(waiter: Waiter): void {
    for (const undo of waiter.undo) undo();
    this.#waiting.delete(waiter);
    if (this.#waiting.size === 0) this.#receivers.delete(this);
  }
}
