import type { EventfdWatcher, MockEventfd } from './eventfd.js';

/**
 * An eventfd that makes the kernel do something: each signal runs the handler and is consumed.
 * One that is readable when it is bound runs the handler at once and keeps its count
 * (drivers/vfio/virqfd.c), until it is released, which reads it. Closing the eventfd ends it.
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
    // Whoever came first has taken the count: all of them are told.
    this.#eventfd.take();
    if (this.#running) return;
    // The kernel hands the work on: a handler that signals its own eventfd does not nest.
    this.#running = true;
    this.#handler();
    this.#running = false;
  }

  closed(): void {
    this.#onClosed();
  }

  /** As eventfd_ctx_remove_wait_queue(): what was counted is gone. */
  release(): void {
    this.#eventfd.take();
    this.#eventfd.unwatch(this);
  }
}
