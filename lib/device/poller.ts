import { checkInteger } from '../checks.js';
import { Lifetime } from '../contract/lifetime.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';

/** Creates a {@link Poller} and stops delivery by the event loop. */
export let createPoller: (handle: Handle, dispatcher: Dispatcher) => Poller;

/**
 * Delivers interrupts inside calls of `wait()` and `spin()`, for a program or Worker that only
 * waits for interrupts. While the poller is open, the event loop delivers no interrupt of this
 * device.
 *
 * Listeners run inside `wait()` and `spin()`. The promise of `next()` settles only after the caller
 * of `wait()` or `spin()` has returned to the event loop.
 *
 * @example
 * using poller = device.interrupts.poll();
 * while (running) poller.wait(1000);
 */
export class Poller {
  readonly #lifetime: Lifetime;
  readonly #dispatcher: Dispatcher;

  static {
    createPoller = (handle, dispatcher) => new Poller(handle, dispatcher);
  }

  private constructor(handle: Handle, dispatcher: Dispatcher) {
    dispatcher.startPolling();
    this.#lifetime = new Lifetime('the poller is closed', handle.name);
    this.#dispatcher = dispatcher;
  }

  /**
   * Sleeps until one or more vectors are signalled, and then calls their listeners.
   *
   * @param timeoutMs - timeout in milliseconds; -1, the default, means no timeout
   * @returns number of signalled vectors, 0 after a timeout
   * @throws {@link VfioError} EBADF if the poller or the device is closed; EDEADLK if a listener
   *   calls `wait()`; the exception of a listener, after all other listeners were called
   */
  wait(timeoutMs = -1): number {
    checkInteger(timeoutMs, 'timeoutMs', -1, 2 ** 31 - 1);
    this.#lifetime.check();
    return this.#dispatcher.wait(timeoutMs);
  }

  /**
   * Does the same as {@link wait}, but spins instead of sleeping. The call returns within about a
   * microsecond of a signal, but uses a whole CPU.
   *
   * @param timeoutUs - timeout in microseconds, 0 to 2^31 - 1
   * @returns number of signalled vectors, 0 after a timeout
   * @throws the same errors as {@link wait}
   */
  spin(timeoutUs: number): number {
    checkInteger(timeoutUs, 'timeoutUs', 0, 2 ** 31 - 1);
    this.#lifetime.check();
    return this.#dispatcher.spin(timeoutUs);
  }

  /** Closes the poller. After this call the event loop delivers interrupts again. Idempotent. */
  close(): void {
    if (this.#lifetime.end()) this.#dispatcher.stopPolling();
  }

  /** Like {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
