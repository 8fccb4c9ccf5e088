import type { EventEmitter } from 'node:events';
import type { Eventfd } from '../contract/index.js';
import { checkBoolean, checkOptions } from '../checks.js';
import { checkEventfd } from '../contract/eventfd.js';

/** How a vector is delivered. */
export interface VectorOptions {
  /**
   * Reads the eventfd on each delivery, so that it says how many interrupts there were. Otherwise
   * a delivery has the count 1n and means "at least one", which is several times cheaper.
   */
  counts?: boolean | undefined;
  /**
   * Uses this one instead of a new eventfd, and leaves it open in the end. A device can watch an
   * eventfd once, so two vectors cannot have the same (EEXIST).
   */
  eventfd?: Eventfd | undefined;
}

/**
 * @param more - names of options beside those of every vector
 * @throws TypeError before anything is asked of the system
 */
export function checkVectorOptions(options: VectorOptions, more: readonly string[] = []): void {
  checkOptions(options, ['counts', 'eventfd', ...more]);
  const { counts, eventfd } = options;
  if (counts !== undefined) checkBoolean(counts, 'counts');
  if (eventfd !== undefined) checkEventfd(eventfd, 'eventfd');
}

/** Events of a {@link Vector}. */
export interface VectorEvents {
  /** How many interrupts; 1n, for "at least one", unless the vector was requested with `counts`. */
  interrupt: [count: bigint];
  /** Once, in a microtask after the closing. */
  close: [];
  newListener: [event: string | symbol];
  removeListener: [event: string | symbol];
}

/**
 * One interrupt vector: an eventfd that the kernel signals. It keeps the process alive while
 * somebody listens, unless {@link unref} was called. What nobody listened for is kept, as one
 * delivery, for the next caller of {@link next}.
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
  /** What the kernel signals. */
  readonly eventfd: Eventfd;
  /** Whether it was closed, by itself or with its index or device. */
  readonly closed: boolean;
  /**
   * Signals the vector as if the device had (SET_IRQS, DATA_NONE, ACTION_TRIGGER): a loopback test
   * of the way from the kernel to the listener.
   */
  trigger(): void;
  /**
   * The next interrupt, or at once what nobody has listened for. It is coalesced: interrupts that
   * come while nobody waits are one delivery. Use it or listeners for a vector, not both.
   *
   * @returns how many interrupts, or 1n for "at least one" without `counts`
   * @throws {@link VfioError} EBADF if the vector is closed, ECANCELED when it is closed meanwhile;
   *   the signal's reason when that is aborted
   */
  next(options?: { signal?: AbortSignal | undefined }): Promise<bigint>;
  /**
   * Interrupts as they come, coalesced while the loop's body runs; ends when the vector is closed.
   * What came while the body ran that left the loop is there for the next caller of {@link next}.
   */
  [Symbol.asyncIterator](): AsyncGenerator<bigint, void, undefined>;
  /** Keeps the process alive while somebody listens: the default. */
  ref(): this;
  /** Lets the process end although somebody listens. */
  unref(): this;
  /**
   * CPUs that serve the host interrupt behind the vector, from /proc/irq.
   * @throws {@link VfioError} ENOENT if there is none now
   */
  getAffinity(): number[];
  /**
   * Chooses the CPUs that serve the host interrupt behind the vector; needs root.
   * @param cpus - numbers of CPUs, at least one
   */
  setAffinity(cpus: readonly number[]): void;
  /**
   * Takes the eventfd from the kernel, forgets it and closes it. Iterators end, waiting `next()`
   * calls fail with ECANCELED, then `'close'` is emitted. Idempotent.
   *
   * @throws {@link VfioError} of SET_IRQS; all else is released nevertheless
   */
  close(): void;
  /** As {@link close}. */
  [Symbol.dispose](): void;
}
