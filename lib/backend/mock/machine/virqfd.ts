import type { EventfdWatcher, MockEventfd } from './eventfd.js';

/**
 * An eventfd that runs a handler in the kernel on each signal (drivers/vfio/virqfd.c). Each signal
 * resets the counter of the eventfd. If the counter is not 0 when the eventfd is bound, the handler
 * runs at once and the counter does not change. Releasing the virqfd also resets the counter.
 * Closing the eventfd ends the virqfd.
 */
export class Virqfd implements EventfdWatcher {
  readonly #eventfd: MockEventfd;
  readonly #handler: () => void;
  readonly #onClosed: () => void;
  #running = false;

  constructor(eventfd: MockEventfd, handler: () => void, onClosed: () => void = () => undefined) {
    this.#eventfd = eventfd;
    this.#handler = handler;
    this.#onClosed = onClosed;
    eventfd.watch(this);
    if (eventfd.readable) handler();
  }

  signalled(): void {
    // A signal notifies all virqfds of an eventfd. The first virqfd resets the counter.
    this.#eventfd.resetCounter();
    if (this.#running) return;
    // The kernel runs the handler from a work queue. If the handler signals its own eventfd, the
    // kernel does not run the handler recursively.
    this.#running = true;
    this.#handler();
    this.#running = false;
  }

  closed(): void {
    this.#onClosed();
  }

  /** Unbinds the eventfd and resets its counter, as eventfd_ctx_remove_wait_queue() does. */
  release(): void {
    this.#eventfd.resetCounter();
    this.#eventfd.unwatch(this);
  }
}
