import type { EventEmitter } from 'node:events';
import type { Eventfd } from '../contract/index.js';
import { checkBoolean, checkOptions } from '../checks.js';
import { checkEventfd } from '../contract/eventfd.js';
import type { WaitOptions } from '../contract/wait.js';

/** Options for requesting a vector. */
export interface VectorOptions {
  /**
   * Whether the library reads the eventfd at each delivery. A delivery then reports the number of
   * interrupts. Without `counts` a delivery reports 1n, which means "at least one". Deliveries
   * without `counts` are several times faster.
   */
  counts?: boolean | undefined;
  /**
   * The eventfd that the vector uses. Default: a new eventfd. Closing the vector does not close an
   * eventfd from this option. If the program closes the eventfd, the vector keeps delivering. Two
   * vectors of a device cannot share an eventfd (EEXIST).
   */
  eventfd?: Eventfd | undefined;
}

/**
 * Checks the options of a vector.
 * @param more - names of additional options that are allowed
 * @throws TypeError if an option is unknown or has the wrong type
 */
export function checkVectorOptions(options: VectorOptions, more: readonly string[] = []): void {
  checkOptions(options, ['counts', 'eventfd', ...more]);
  const { counts, eventfd } = options;
  if (counts !== undefined) checkBoolean(counts, 'counts');
  if (eventfd !== undefined) checkEventfd(eventfd, 'eventfd');
}

/** Events of a {@link Vector}. */
export interface VectorEvents {
  /**
   * The vector was signalled. `count` is the number of interrupts, or 1n ("at least one") if the
   * vector was requested without `counts`.
   */
  interrupt: [count: bigint];
  /** The vector was closed. Emitted once, in a microtask after the close. */
  close: [];
  newListener: [event: string | symbol];
  removeListener: [event: string | symbol];
}

/**
 * One interrupt vector: an eventfd that the kernel signals. A vector with a listener keeps the
 * process alive, unless {@link unref} was called. If interrupts arrive while the vector has no
 * listener, the next call of {@link next} gets them as one delivery.
 *
 * @example
 * const vector = device.interrupts.msix.request(0);
 * vector.on('interrupt', () => { reapCompletions(); });
 * @example
 * for await (const count of device.interrupts.msix.request(1)) console.log(count);
 */
export interface Vector extends EventEmitter<VectorEvents> {
  /** Number of the vector within its interrupt index. */
  readonly index: number;
  /** The eventfd that the kernel signals. */
  readonly eventfd: Eventfd;
  /**
   * Whether the vector is closed: by `close()`, because its index was disabled, or because its
   * device was closed.
   */
  readonly closed: boolean;
  /**
   * Signals the vector in place of the device (SET_IRQS with DATA_NONE and ACTION_TRIGGER). This
   * loopback test covers the path from the kernel to the listener.
   */
  trigger(): void;
  /**
   * Waits for the next interrupt. If interrupts arrived while the vector had no listener, the
   * promise resolves at once. All these interrupts are then one delivery. Do not use both `next()`
   * and listeners for the same vector.
   *
   * @returns number of interrupts, or 1n ("at least one") without `counts`
   * @throws {@link VfioError} EBADF if the vector is already closed; ECANCELED if the vector is
   *   closed during the wait; ETIMEDOUT after the timeout
   * @throws an AbortError if `signal` is aborted
   */
  next(options?: WaitOptions): Promise<bigint>;
  /**
   * Iterates over interrupts until the vector is closed. All interrupts that arrive while the body
   * of the loop runs become one delivery. After the program leaves the loop, the next call of
   * {@link next} gets the interrupts that the loop did not deliver.
   */
  [Symbol.asyncIterator](): AsyncGenerator<bigint, void, undefined>;
  /** Keeps the process alive while the vector has a listener. This is the default. */
  ref(): this;
  /** Lets the process end even if the vector has a listener. */
  unref(): this;
  /**
   * Returns the CPUs that serve the vector's host interrupt, from /proc/irq.
   * @throws {@link VfioError} ENOENT if the vector has no host interrupt now
   */
  getAffinity(): number[];
  /**
   * Sets the CPUs that serve the vector's host interrupt. Needs root.
   * @param cpus - numbers of one or more CPUs
   */
  setAffinity(cpus: readonly number[]): void;
  /**
   * Unbinds the vector's eventfd in the kernel and closes the eventfd. Waiting `next()` calls fail
   * with ECANCELED, iterators end, and `'close'` is emitted. Idempotent.
   *
   * @throws {@link VfioError} if SET_IRQS fails. The vector is closed even if SET_IRQS fails.
   */
  close(): void;
  /** Like {@link close}. */
  [Symbol.dispose](): void;
}
