/** A 64-bit counter that wakes who waits for it: eventfd(2), non-blocking. */
export interface Eventfd {
  /** The kernel's number, or null where the counter is an imitation. */
  readonly fd: number | null;
  /** Adds to the counter. @param count - 0 to 2^64 - 2, 1 by default */
  signal(count?: bigint): void;
  /** Takes the counter, leaving 0; 0n if nothing is pending. */
  read(): bigint;
  /** Idempotent; a use after it is a TypeError. */
  close(): void;
}

/**
 * `node:diagnostics_channel` on which a back end whose eventfds have no number tells that one was
 * signalled; a number can be watched with epoll.
 */
export const EVENTFD_CHANNEL = 'vfio.eventfd';

/** A message of {@link EVENTFD_CHANNEL}. */
export interface EventfdSignal {
  readonly eventfd: Eventfd;
  readonly count: bigint;
}

/**
 * The eventfds of one device, watched together. Either `serve` delivers from the event loop or
 * the caller waits by hand. Delivery is edge triggered: a counted slot's eventfd is read on
 * delivery, another's is not read and a delivery means "at least one".
 */
export interface EventSet {
  /** Slots that fired in the last wake: the first n are valid. Overwritten by the next. */
  readonly fired: Uint32Array;
  /** For counted slots, the value read, at the same position as in `fired`; else 0n. */
  readonly counts: BigUint64Array;
  /** What the eventfd held before is taken, so that only later signals are delivered. */
  add(slot: number, eventfd: Eventfd, counted: boolean): void;
  /** Watches that slot's eventfd no longer. */
  remove(slot: number): void;
  /**
   * Calls `onFired(n)` once a wake. Starts unref'd. Exceptions in it are uncaught exceptions. Hold
   * the set meanwhile: one that nothing refers to is collected, and delivers no more.
   */
  serve(onFired: (n: number) => void): void;
  /** Ends `serve`. */
  pause(): void;
  /** Sleeps until something fired. @param timeoutMs - -1 waits for ever @returns n, 0 after it */
  wait(timeoutMs: number): number;
  /** Spins until something fired, for so many microseconds. @returns n, 0 after them */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while served. */
  ref(): void;
  /** Lets the process end while served: the default. */
  unref(): void;
  /** Ends `serve`. The eventfds stay open: they are their owners'. Idempotent. */
  close(): void;
}

/** Accepts any object with `signal()`; the back end finds out whose eventfd it is. */
export function checkEventfd(value: unknown, what: string): void {
  const signal = (value as Partial<Eventfd> | null | undefined)?.signal;
  if (typeof signal !== 'function') throw new TypeError(`${what} must be an eventfd`);
}
