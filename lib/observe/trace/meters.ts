import { subscribe } from 'node:diagnostics_channel';
import { EVENTFD_CHANNEL, type Eventfd, type EventfdSignal } from '../../contract/index.js';
import { now } from './clock.js';
import { counterOf, Sentinel } from './sentinel.js';

/** Is told when an eventfd was signalled; `total` is how often so far, where that can be known. */
export type OnSignal = (eventfd: Eventfd, at: number, total?: number) => void;

/** Counts the signals of one eventfd without taking them from who waits for them. */
export interface Meter {
  /** Signals so far; `taken` is what a delivery has just read, 0n where it does not read. */
  total(taken: bigint): number;
  stop(): void;
}

/** Makes meters: by an eventfd's number where it has one, else by what the back end tells. */
export class Meters {
  readonly #onSignal: OnSignal;
  readonly #imitations = new Map<Eventfd, number>();
  #sentinel: Sentinel | null = null;
  #subscribed = false;

  constructor(onSignal: OnSignal) {
    this.#onSignal = onSignal;
  }

  /** @param counted - whether each delivery reads it */
  meter(eventfd: Eventfd, counted: boolean): Meter {
    const { fd } = eventfd;
    return fd === null ? this.#imitation(eventfd) : this.#kernel(eventfd, fd, counted);
  }

  /** All signals up to here are told when it returns. */
  flush(): void {
    this.#sentinel?.flush();
  }

  #kernel(eventfd: Eventfd, fd: number, counted: boolean): Meter {
    this.#sentinel ??= new Sentinel();
    const watch = this.#sentinel.watch(fd, (at, total) => {
      if (!counted) this.#onSignal(eventfd, at, total);
      // What is delivered already was read from the counter.
      else if (total > 0) this.#onSignal(eventfd, at);
    });
    let read = 0;
    return {
      total(taken) {
        read += Number(taken);
        return read + counterOf(fd);
      },
      stop: watch,
    };
  }

  #imitation(eventfd: Eventfd): Meter {
    if (!this.#subscribed) {
      subscribe(EVENTFD_CHANNEL, this.#signalled);
      this.#subscribed = true;
    }
    this.#imitations.set(eventfd, 0);
    return {
      total: () => this.#imitations.get(eventfd) ?? 0,
      stop: () => {
        this.#imitations.delete(eventfd);
      },
    };
  }

  readonly #signalled = (message: unknown): void => {
    const { eventfd, count } = message as EventfdSignal;
    const before = this.#imitations.get(eventfd);
    if (before === undefined) return;
    const total = before + Number(count);
    this.#imitations.set(eventfd, total);
    this.#onSignal(eventfd, now(), total);
  };
}
