import type { Eventfd, EventSet } from '../../contract/index.js';

/** Who makes eventfds and watches them: a {@link DeviceConnection} is one. */
export interface EventMaker {
  /** An eventfd(2), or an imitation of one. The caller closes it. */
  createEventfd(): Eventfd;
  /** Something to watch them with. @param capacity - eventfds that can be watched */
  createEventSet(capacity: number): EventSet;
}

/**
 * Our own eventfds, one a vector where it is needed, for interrupts that must not reach the
 * consumer. They are watched from before they are bound until they are dropped, and whoever reads
 * one first, the event loop or {@link drain}, has its signal: each is taken once.
 */
export class HeldEventfds {
  readonly #maker: EventMaker;
  readonly #capacity: number;
  readonly #onSignal: (vector: number) => void;
  readonly #eventfds = new Map<number, Eventfd>();
  #set: EventSet | null = null;

  constructor(maker: EventMaker, capacity: number, onSignal: (vector: number) => void) {
    this.#maker = maker;
    this.#capacity = capacity;
    this.#onSignal = onSignal;
  }

  /** The eventfd of a vector, made on first use. */
  get(vector: number): Eventfd {
    const known = this.#eventfds.get(vector);
    if (known !== undefined) return known;
    const set = (this.#set ??= this.#watch());
    const eventfd = this.#maker.createEventfd();
    try {
      set.add(vector, eventfd, false);
    } catch (error) {
      eventfd.close();
      throw error;
    }
    this.#eventfds.set(vector, eventfd);
    return eventfd;
  }

  /** Reports what lies in the eventfd of the vector. */
  drain(vector: number): void {
    const eventfd = this.#eventfds.get(vector);
    if (eventfd !== undefined && eventfd.read() > 0n) this.#onSignal(vector);
  }

  /** Takes what lies in it, and reports nothing. */
  discard(vector: number): void {
    this.#eventfds.get(vector)?.read();
  }

  /** Reports what lies in all of them, then closes them. */
  clear(): void {
    for (const vector of this.#eventfds.keys()) this.drain(vector);
    this.#set?.close();
    this.#set = null;
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    this.#eventfds.clear();
  }

  #watch(): EventSet {
    const set = this.#maker.createEventSet(this.#capacity);
    set.serve((n) => {
      for (let i = 0; i < n; i++) {
        try {
          this.drain(set.fired[i] ?? 0);
        } catch (error) {
          // It keeps no other vector from its turn, and becomes an uncaught exception.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    });
    return set;
  }
}
