import type { Eventfd, EventfdFactory, EventSet } from '../../contract/index.js';

/**
 * Eventfds that this process reads itself. A vector is bound to one of these eventfds while its
 * interrupts must not signal the consumer's eventfd directly. The eventfd of a vector is created on
 * first use. An event set watches all eventfds until {@link clear} is called. Either the event loop
 * or {@link drain} reads a signal, so each signal is reported once.
 */
export class WatchedEventfds {
  readonly #factory: EventfdFactory;
  readonly #capacity: number;
  readonly #onSignal: (vector: number) => void;
  readonly #eventfds = new Map<number, Eventfd>();
  #set: EventSet | null = null;

  /**
   * @param capacity - number of vectors
   * @param onSignal - called with the number of a vector after the eventfd of the vector was
   *   signalled
   */
  constructor(factory: EventfdFactory, capacity: number, onSignal: (vector: number) => void) {
    this.#factory = factory;
    this.#capacity = capacity;
    this.#onSignal = onSignal;
  }

  /** Returns the eventfd of a vector. The first call for a vector creates the eventfd. */
  get(vector: number): Eventfd {
    const known = this.#eventfds.get(vector);
    if (known !== undefined) return known;
    const set = (this.#set ??= this.#watch());
    const eventfd = this.#factory.createEventfd();
    try {
      set.add(vector, eventfd, false);
    } catch (error) {
      eventfd.close();
      throw error;
    }
    this.#eventfds.set(vector, eventfd);
    return eventfd;
  }

  /** Reads the eventfd of a vector, and reports the signal if the eventfd was signalled. */
  drain(vector: number): void {
    const eventfd = this.#eventfds.get(vector);
    if (eventfd !== undefined && eventfd.read() > 0n) this.#onSignal(vector);
  }

  /** Reads the eventfd of a vector without reporting a signal. */
  discard(vector: number): void {
    this.#eventfds.get(vector)?.read();
  }

  /** Reports the signals of all eventfds, then closes the eventfds. */
  clear(): void {
    for (const vector of this.#eventfds.keys()) this.drain(vector);
    this.#set?.close();
    this.#set = null;
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    this.#eventfds.clear();
  }

  #watch(): EventSet {
    const set = this.#factory.createEventSet(this.#capacity);
    set.serve((n) => {
      for (let i = 0; i < n; i++) {
        try {
          this.drain(set.fired[i] ?? 0);
        } catch (error) {
          // The error becomes an uncaught exception, so that the other vectors are still reported.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    });
    return set;
  }
}
