import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EVENTFD_CHANNEL, type Eventfd, type EventfdSignal } from '../../contract/index.js';
import type { Guard } from '../guard.js';
import { now } from './clock.js';
import { EventfdCounter } from './eventfd-counter.js';
import { EventfdWatcher } from './eventfd-watcher.js';

/**
 * Receives each signal of an eventfd that has a signal counter.
 *
 * @param at - nanoseconds of CLOCK_MONOTONIC
 * @param total - number of signals so far; undefined if deliveries read the counter of the eventfd
 */
export type OnSignal = (eventfd: Eventfd, at: number, total?: number) => void;

/** Counts the signals of one eventfd. The counter in the eventfd stays unchanged. */
export interface SignalCounter {
  /**
   * Returns the number of signals so far.
   *
   * @param read - the count that the last delivery read from the eventfd; 0n if deliveries do not
   *   read the eventfd
   */
  total(read: bigint): number;
  /** Stops counting. */
  stop(): void;
}

/**
 * Makes signal counters. A separate thread watches each eventfd that has a file descriptor. The
 * mock publishes the signals of the eventfds without a file descriptor.
 */
export class SignalCounters {
  readonly #guard: Guard;
  readonly #onSignal: OnSignal;
  /** Number of signals so far for each eventfd without a file descriptor. */
  readonly #mockTotals = new Map<Eventfd, number>();
  #watcher: EventfdWatcher | null = null;
  #subscribed = false;

  /** @param guard - receives the failures of `onSignal` */
  constructor(guard: Guard, onSignal: OnSignal) {
    this.#guard = guard;
    this.#onSignal = onSignal;
  }

  /** @param counted - whether each delivery reads the eventfd */
  create(eventfd: Eventfd, counted: boolean): SignalCounter {
    const { fd } = eventfd;
    return fd === null ? this.#createMock(eventfd) : this.#createKernel(eventfd, fd, counted);
  }

  /** Calls `onSignal` for all signals that have arrived so far. */
  flush(): void {
    this.#watcher?.flush();
  }

  /** Calls `onSignal` for the signals that the watching thread has reported. Does not wait. */
  receive(): void {
    this.#watcher?.receive();
  }

  close(): void {
    unsubscribe(EVENTFD_CHANNEL, this.#onPublished);
    this.#watcher?.close();
    this.#watcher = null;
  }

  #createKernel(eventfd: Eventfd, fd: number, counted: boolean): SignalCounter {
    this.#watcher ??= new EventfdWatcher(this.#guard);
    const stop = this.#watcher.watch(fd, (at, total) => {
      if (!counted) this.#onSignal(eventfd, at, total);
      // A counter of 0 was read by a delivery that came first.
      else if (total > 0) this.#onSignal(eventfd, at);
    });
    const counter = new EventfdCounter(fd);
    let readSoFar = 0;
    return {
      total(read) {
        readSoFar += Number(read);
        return readSoFar + counter.read();
      },
      stop() {
        counter.close();
        stop();
      },
    };
  }

  #createMock(eventfd: Eventfd): SignalCounter {
    if (!this.#subscribed) {
      subscribe(EVENTFD_CHANNEL, this.#onPublished);
      this.#subscribed = true;
    }
    this.#mockTotals.set(eventfd, 0);
    return {
      total: () => this.#mockTotals.get(eventfd) ?? 0,
      stop: () => {
        this.#mockTotals.delete(eventfd);
      },
    };
  }

  readonly #onPublished = (message: unknown): void => {
    const { eventfd, count } = message as EventfdSignal;
    const before = this.#mockTotals.get(eventfd);
    if (before === undefined) return;
    const total = before + Number(count);
    this.#mockTotals.set(eventfd, total);
    this.#guard.run(() => {
      this.#onSignal(eventfd, now(), total);
    });
  };
}
