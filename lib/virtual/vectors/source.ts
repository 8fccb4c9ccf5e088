import type { Eventfd } from '../../contract/index.js';
import type { Cookie } from '../store/layout.js';

/**
 * Result of a signal:
 * - `delivered`: the consumer's eventfd was signalled;
 * - `pending`: the signal is held until the vector is unmasked;
 * - `dropped`: the vector has no consumer;
 * - `disabled`: MSI-X or MSI is disabled, and the device must use another interrupt, such as INTx.
 */
export type SignalOutcome = 'delivered' | 'pending' | 'dropped' | 'disabled';

/** Receives the interrupts that a source reports to its virtual MSI-X table. */
export interface VectorSink {
  /**
   * Number of vectors of the source that the guest has enabled by Multiple Message Enable of MSI.
   * For MSI-X, and while MSI is disabled, all vectors count.
   */
  readonly limit: number;
  /** Whether the table uses the source for this vector. */
  serves(vector: number): boolean;
  /** Delivers a signal to a vector, or holds the signal while the vector is masked. */
  fire(vector: number): SignalOutcome;
  /**
   * Drops the pending signal of a vector. A source calls this method after the cause of the
   * interrupt is gone.
   */
  withdraw(vector: number): void;
}

/**
 * A source of interrupts for the vectors of a virtual MSI-X table. The source numbers its vectors
 * from 0, independently of their numbers in the table. If a method fails with a {@link VfioError},
 * the vector is unbound. The device holds the interrupts of an unbound vector.
 */
export interface VectorSource {
  readonly name: string;
  /** Number of vectors. */
  readonly count: number;
  /**
   * Whether a vector can be added while other vectors are in use (VFIO_IRQ_INFO_NORESIZE is clear).
   */
  readonly growable: boolean;

  /**
   * Connects the source to a table. The table calls this method once.
   * @throws EBUSY if the source is connected already
   */
  connect(sink: VectorSink): void;
  /**
   * Allocates vectors 0 to `count - 1`, and binds the vectors that have a target. The table calls
   * this method while no vector is allocated.
   *
   * @param targets - for each vector: an eventfd; null to report interrupts to the table; or
   *   undefined to leave the vector unbound
   * @throws {@link VfioError} ENOSPC if too few vectors are available. If some vectors are
   *   available, the field `available` of the error contains their number.
   */
  allocate(count: number, targets?: readonly (Eventfd | null | undefined)[]): void;
  /**
   * Binds a vector to `target`. If `target` is null, the source reports the interrupts of the
   * vector to the table. A second call moves the vector to another target. The move loses no
   * interrupt, and delivers no interrupt twice. If the source can grow, the source also allocates
   * an unallocated vector.
   */
  request(vector: number, target: Eventfd | null): void;
  /**
   * Masks a vector. While the vector is masked, the device or the table holds its interrupts. If
   * the device does not hold an interrupt, the source reports the interrupt to the table.
   */
  hold(vector: number): void;
  /** Frees the host vector that serves a vector. The vector itself stays allocated. */
  release(vector: number): void;
  /**
   * Sets the cookie of a vector at any time, even while the vector is in use.
   * @throws {@link VfioError} EINVAL if the vectors of this source have no cookie
   */
  setCookie(vector: number, cookie: Cookie): void;
  /**
   * Silences a vector until a cookie is set. Only sources whose vectors have cookies implement this
   * method.
   */
  silence?(vector: number): void;
  /**
   * Masks all vectors in the device, and waits for the interrupts that are under way to a CPU. The
   * table calls this method before {@link disable}.
   */
  quiesce?(): void;
  /**
   * If the source holds interrupts, reports the interrupts to the table. Then frees all vectors.
   */
  disable(): void;
  /**
   * If the source holds an interrupt of a vector, reports the interrupt to the table.
   * @returns whether the device holds an interrupt that the device will send after the unmask
   */
  poll?(vector: number): boolean;
}

/** A virtual MSI-X table, for a source that attaches itself to the table. */
export interface VectorTable {
  readonly vectors: number;
  /** Attaches a source to a range of vectors. */
  attach(source: VectorSource, range: VectorRange): void;
}

/**
 * A range of table vectors, and the source vector that serves the first table vector of the range.
 */
export interface VectorRange {
  /** The first table vector of the range. Default: 0. */
  readonly first?: number | undefined;
  /** Number of vectors. Default: the largest number that fits into the table and the source. */
  readonly count?: number | undefined;
  /** The source vector that serves the table vector `first`. Default: 0. */
  readonly base?: number | undefined;
  /**
   * Whether to reserve the vectors, so that no other source can be attached to the same vectors.
   */
  readonly claim?: boolean | undefined;
}
