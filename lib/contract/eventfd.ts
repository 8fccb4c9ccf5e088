/** A 64-bit counter that wakes its waiters: eventfd(2), non-blocking. */
export interface Eventfd {
  /** The file descriptor, or null for an eventfd of the mock. */
  readonly fd: number | null;
  /** Adds to the counter. @param count - 0 to 2^64 - 2, 1 by default */
  signal(count?: bigint): void;
  /** Reads the counter and resets it to 0. @returns 0n if nothing was signalled */
  read(): bigint;
  /**
   * Closes the eventfd. Idempotent. Use after it throws a {@link VfioError} EBADF.
   * @param hint - hint of that error, if the program did not cause the closing
   */
  close(hint?: string): void;
}

/**
 * The `node:diagnostics_channel` on which the mock publishes each signal of an eventfd. An observer
 * cannot watch such an eventfd with epoll, since it has no file descriptor.
 */
export const EVENTFD_CHANNEL = 'vfio.eventfd';

/** A message of {@link EVENTFD_CHANNEL}. */
export interface EventfdSignal {
  readonly eventfd: Eventfd;
  readonly count: bigint;
}

/**
 * The eventfds of one device, watched together. Either `serve` delivers signals from the event
 * loop, or the caller waits for them by hand. Delivery is edge triggered. The set reads the eventfd
 * of a counted slot; for any other slot, a delivery means "at least one signal".
 */
export interface EventSet {
  /** Slots that fired in the last wake. The first n are valid, until the next wake. */
  readonly fired: Uint32Array;
  /**
   * The counters of the slots in `fired`, at the same positions; 0n for a slot that is not counted.
   */
  readonly counts: BigUint64Array;
  /**
   * Watches an eventfd as `slot`. Discards earlier signals, so only later ones are delivered.
   * @throws {@link VfioError} EBADF if the eventfd is closed; TypeError for one of another back end
   */
  add(slot: number, eventfd: Eventfd, counted: boolean): void;
  /** Stops watching the eventfd of a slot. */
  remove(slot: number): void;
  /**
   * Calls `onFired(n)` once for each wake. Starts unref'd. An exception of `onFired` is an uncaught
   * exception. Keep a reference to the set: a collected set delivers nothing.
   */
  serve(onFired: (n: number) => void): void;
  /** Stops `serve`. */
  pause(): void;
  /**
   * Sleeps until a slot fires.
   * @param timeoutMs - -1 for no limit
   * @returns n; 0 after the timeout
   */
  wait(timeoutMs: number): number;
  /**
   * Spins until a slot fires.
   * @param timeoutUs - in microseconds
   * @returns n; 0 after the timeout
   */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while served. */
  ref(): void;
  /** Lets the process end while served. This is the default. */
  unref(): void;
  /** Closes the set. The eventfds stay open, their owners close them. Idempotent. */
  close(): void;
}

/** Accepts any object with a method `signal`. The back end checks whose eventfd it is. */
export function checkEventfd(value: unknown, what: string): void {
  const signal = (value as Partial<Eventfd> | null | undefined)?.signal;
  if (typeof signal !== 'function') throw new TypeError(`${what} must be an eventfd`);
}
