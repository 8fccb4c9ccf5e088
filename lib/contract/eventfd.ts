import { checkInteger, checkMethods } from '../checks.js';

/** The largest file descriptor. */
const FD_MAX = 2 ** 31 - 1;

/**
 * A non-blocking eventfd(2): a 64-bit counter. A signal wakes the threads that wait for the
 * eventfd.
 */
export interface Eventfd {
  /** The file descriptor, or null if the eventfd belongs to a mock device. */
  readonly fd: number | null;
  /** Adds `count` to the counter. @param count - a number from 0 to 2^64 - 2; default: 1 */
  signal(count?: bigint): void;
  /**
   * Reads the counter and resets the counter to 0.
   * @returns the value before the reset, or 0n if the eventfd was not signalled
   */
  read(): bigint;
  /**
   * Closes the eventfd. Idempotent. Use of a closed eventfd throws a {@link VfioError} EBADF.
   * @param hint - the hint of later EBADF errors, if the library closes the eventfd on its own
   */
  close(hint?: string): void;
}

/**
 * The name of the `node:diagnostics_channel` on which the mock back end publishes each signal of an
 * eventfd. A mock eventfd has no file descriptor, so an observer cannot watch the eventfd with
 * epoll.
 */
export const EVENTFD_CHANNEL = 'vfio.eventfd';

/** A message on the channel {@link EVENTFD_CHANNEL}. */
export interface EventfdSignal {
  readonly eventfd: Eventfd;
  readonly count: bigint;
}

/**
 * Watches several eventfds of one device together. Either `serve` delivers the signals from the
 * event loop, or the caller waits for signals with `wait` or `spin`. Delivery is edge triggered. A
 * slot is the number of an eventfd in the event set. If a slot is counted, the event set reads the
 * counter of the eventfd. If a slot is not counted, one delivery can stand for several signals.
 */
export interface EventSet {
  /**
   * The slots that fired in the last wake. If `n` slots fired, the first `n` elements are valid
   * until the next wake.
   */
  readonly fired: Uint32Array;
  /**
   * `counts[i]` is the counter of the slot `fired[i]`, or 0n if the slot is not counted.
   */
  readonly counts: BigUint64Array;
  /**
   * Starts to watch an eventfd, and gives the eventfd the number `slot`. Signals that arrived
   * before the call are discarded.
   * @throws {@link VfioError} EBADF if the eventfd is closed; TypeError if another back end created
   *   the eventfd
   */
  add(slot: number, eventfd: Eventfd, counted: boolean): void;
  /** Stops watching the eventfd with the number `slot`. */
  remove(slot: number): void;
  /**
   * Calls `onFired(n)` at each wake of the event loop. `n` is the number of slots that fired.
   * Starts unref'd. An exception in `onFired` becomes an uncaught exception. The event set is not
   * garbage collected until {@link EventSet.pause} or {@link EventSet.close}.
   */
  serve(onFired: (n: number) => void): void;
  /** Stops `serve`. */
  pause(): void;
  /**
   * Sleeps until a slot fires.
   * @param timeoutMs - timeout in milliseconds; -1 means no timeout
   * @returns the number of slots that fired, or 0 after the timeout
   */
  wait(timeoutMs: number): number;
  /**
   * Spins until a slot fires.
   * @param timeoutUs - timeout in microseconds
   * @returns the number of slots that fired, or 0 after the timeout
   */
  spin(timeoutUs: number): number;
  /** Keeps the process alive while `serve` runs. */
  ref(): void;
  /** Lets the process end while `serve` runs (the default). */
  unref(): void;
  /** Closes the event set, but not the eventfds. Idempotent. */
  close(): void;
}

/** Creates eventfds and event sets. */
export interface EventfdFactory {
  /**
   * Creates an eventfd that can be bound to an interrupt of this back end. The caller closes the
   * eventfd.
   */
  createEventfd(): Eventfd;
  /**
   * Creates an event set. The caller closes the event set.
   * @param capacity - the number of slots. The slots are numbered from 0 to capacity - 1.
   */
  createEventSet(capacity: number): EventSet;
}

/**
 * Checks that a value is an object with a method `signal`, and that the property `fd` can be a file
 * descriptor. Each back end itself refuses an eventfd that another back end created.
 *
 * @throws TypeError if the value is not an eventfd; RangeError if `fd` is a number that is not a file
 *   descriptor
 */
export function checkEventfd(value: unknown, what: string): void {
  checkMethods(value, what, 'Eventfd', ['signal']);
  const { fd } = value as { readonly fd?: unknown };
  if (fd !== null && fd !== undefined) checkInteger(fd, `fd of ${what}`, 0, FD_MAX);
}

/**
 * Returns the file descriptor of an eventfd, or null if the eventfd belongs to a mock device.
 *
 * @throws TypeError and RangeError, as {@link checkEventfd}
 */
export function descriptorOf(eventfd: Eventfd): number | null {
  checkEventfd(eventfd, 'eventfd');
  return eventfd.fd ?? null;
}
