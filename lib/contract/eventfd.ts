/** A 64-bit counter that wakes its waiters: eventfd(2), non-blocking. */
export interface Eventfd {
  /** The file descriptor, or null for an eventfd of the mock. */
  readonly fd: number | null;
  /** Adds `count` to the counter. @param count - 0 to 2^64 - 2; default: 1 */
  signal(count?: bigint): void;
  /**
   * Reads the counter and resets the counter to 0.
   * @returns the value before the reset; 0n if the eventfd was not signalled
   */
  read(): bigint;
  /**
   * Closes the eventfd. Idempotent. Use of a closed eventfd throws a {@link VfioError} EBADF.
   * @param hint - hint of the EBADF error, if the program did not close the eventfd itself
   */
  close(hint?: string): void;
}

/**
 * The `node:diagnostics_channel` on which the mock publishes each signal of an eventfd. A mock
 * eventfd has no file descriptor, so an observer cannot watch the eventfd with epoll.
 */
export const EVENTFD_CHANNEL = 'vfio.eventfd';

/** A message of {@link EVENTFD_CHANNEL}. */
export interface EventfdSignal {
  readonly eventfd: Eventfd;
  readonly count: bigint;
}

/**
 * The eventfds of one device, watched together. Either `serve` delivers the signals from the event
 * loop, or the caller waits for signals by `wait` or `spin`. Delivery is edge triggered. The set
 * reads the counter of a counted slot. If a slot is not counted, a delivery means one signal or
 * more.
 */
export interface EventSet {
  /** Slots that fired in the last wake. The first `n` elements are valid until the next wake. */
  readonly fired: Uint32Array;
  /**
   * The counters of the slots in `fired`, at the same positions; 0n for a slot that is not counted.
   */
  readonly counts: BigUint64Array;
  /**
   * Watches an eventfd as `slot`. Discards the signals from before the call.
   * @throws {@link VfioError} EBADF if the eventfd is closed; TypeError for an eventfd of another
   *   back end
   */
  add(slot: number, eventfd: Eventfd, counted: boolean): void;
  /** Stops watching the eventfd of a slot. */
  remove(slot: number): void;
  /**
   * Calls `onFired(n)` once for each wake. Starts unref'd. An exception in `onFired` becomes an
   * uncaught exception. Keep a reference to the set: after garbage collection, the set delivers no
   * signals.
   */
  serve(onFired: (n: number) => void): void;
  /** Stops `serve`. */
  pause(): void;
  /**
   * Sleeps until a slot fires.
   * @param timeoutMs - timeout in milliseconds; -1 for no limit
   * @returns the number of slots that fired; 0 after the timeout
   */
  wait(timeoutMs: number): number;
  /**
   * Spins until a slot fires.
   * @param timeoutUs - timeout in microseconds
   * @returns the number of slots that fired; 0 after the timeout
   */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while `serve` runs. */
  ref(): void;
  /** Lets the process end while `serve` runs: the default. */
  unref(): void;
  /** Closes the set. The owner of each eventfd closes that eventfd. Idempotent. */
  close(): void;
}

/**
 * Checks that a value has a method `signal`. The back end itself checks that the eventfd is of the
 * same back end.
 */
export function checkEventfd(value: unknown, what: string): void {
  const signal = (value as Partial<Eventfd> | null | undefined)?.signal;
  if (typeof signal !== 'function') throw new TypeError(`${what} must be an eventfd`);
}
