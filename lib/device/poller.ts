import { checkInteger } from '../checks.js';
import { Lifetime } from '../contract/lifetime.js';
import type { Dispatcher } from './dispatcher.js';
import type { Handle } from './handle.js';

/** Creates a {@link Poller}, which starts to poll. */
export let createPoller: (handle: Handle, dispatcher: Dispatcher) => Poller;

/**
 * Interrupts by hand: for a program, or a Worker, that does nothing but wait for them. While it is
 * open the event loop delivers none. Listeners run inside of `wait` and `spin`; promises such as
 * those of `next()` settle when these have returned to the event loop.
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
   * Sleeps until an interrupt comes, and delivers it.
   *
   * @param timeoutMs - milliseconds; -1, the default, waits for ever
   * @returns how many vectors were signalled, 0 when the time is over
   * @throws what a listener has thrown, after all were called; {@link VfioError} EBADF if the
   *   poller or the device is closed, EDEADLK if called by a listener
   */
  wait(timeoutMs = -1): number {
    checkInteger(timeoutMs, 'timeoutMs', -1, 2 ** 31 - 1);
    this.#lifetime.check();
    return this.#dispatcher.wait(timeoutMs);
  }

  /**
   * As {@link wait}, but spins: wakes in about a microsecond, and takes all of a CPU.
   *
   * @param timeoutUs - microseconds, 0 to 2^31 - 1
   * @returns and throws as {@link wait}
   */
  spin(timeoutUs: number): number {
    checkInteger(timeoutUs, 'timeoutUs', 0, 2 ** 31 - 1);
    this.#lifetime.check();
    return this.#dispatcher.spin(timeoutUs);
  }

  /** Gives delivery back to the event loop. Idempotent. */
  close(): void {
    if (this.#lifetime.end()) this.#dispatcher.stopPolling();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
