import type { Eventfd } from '../../contract/index.js';
import type { Cookie } from '../store/layout.js';

/**
 * Result of a signal:
 * - `delivered`: the consumer's eventfd was signalled;
 * - `pending`: the signal is held until the vector is unmasked;
 * - `dropped`: the vector has no consumer;
 * - `disabled`: MSI-X is disabled, and the device must use another interrupt, such as INTx.
 */
export type SignalOutcome = 'delivered' | 'pending' | 'dropped' | 'disabled';

/** Receives the interrupts that a source reports from this process. */
export interface VectorSink {
  /** Whether the table uses the source for this vector. */
  serves(vector: number): boolean;
  /** Delivers a signal to a vector, or holds the signal while the vector is masked. */
  fire(vector: number): SignalOutcome;
  /** Drops the pending signal of a vector whose cause is gone. */
  withdraw(vector: number): void;
}

/**
 * A source of interrupts for the vectors of a virtual MSI-X table. The source numbers its vectors
 * from 0, independently of their place in the table. If a method fails with a {@link VfioError},
 * the vector is unbound, and the device holds the interrupts that fire meanwhile.
 */
export interface VectorSource {
  readonly name: string;
  /** Number of vectors. */
  readonly count: number;
  /** Whether a vector can be added while others are in use: VFIO_IRQ_INFO_NORESIZE is clear. */
  readonly growable: boolean;

  /** Connects the source to a table, which calls this once. @throws EBUSY for the second call */
  connect(sink: VectorSink): void;
  /**
   * Allocates vectors 0 to `count - 1`, and binds those that have a target. The table calls this
   * while no vector is allocated.
   *
   * @param targets - by vector: an eventfd; null to report interrupts to the sink; or undefined to
   *   leave the vector unbound
   * @throws {@link VfioError} ENOSPC, with `available` if the host can allocate some of the vectors
   */
  allocate(count: number, targets?: readonly (Eventfd | null | undefined)[]): void;
  /**
   * Binds a vector to `target`, or to the sink for null. A second call moves the vector to another
   * target, and no interrupt is lost or delivered twice. A growable source allocates the vector if
   * necessary.
   */
  request(vector: number, target: Eventfd | null): void;
  /**
   * Masks a vector. The device holds its interrupt, or the source reports the interrupt to the
   * sink, and the table holds it.
   */
  hold(vector: number): void;
  /** Frees the host vector that serves a vector. The vector itself stays allocated. */
  release(vector: number): void;
  /**
   * Sets the cookie of a vector at any time, also while the vector is in use.
   * @throws {@link VfioError} EINVAL if the vectors of this source have no cookie
   */
  setCookie(vector: number, cookie: Cookie): void;
  /**
   * Masks all vectors in the device, and waits until the interrupts under way have arrived. The
   * table calls this before {@link disable}.
   */
  quiesce?(): void;
  /** Frees all vectors. Before that, reports every interrupt that the source holds to the sink. */
  disable(): void;
  /**
   * Reports the interrupt that the source holds for a vector to the sink.
   * @returns whether the device holds another one, and will send it when the vector is unmasked
   */
  poll?(vector: number): boolean;
}

/** A virtual table that a source can attach itself to. */
export interface VectorTable {
  readonly vectors: number;
  /** Attaches a source to a range of vectors. */
  attach(source: VectorSource, range: VectorRange): void;
}

/** A range of vectors of a table, and the first vector of the source that serves it. */
export interface VectorRange {
  /** First vector of the table. Default: 0. */
  readonly first?: number | undefined;
  /** Number of vectors. Default: as many as the table and the source both have. */
  readonly count?: number | undefined;
  /** Vector of the source that serves `first`. Default: 0. */
  readonly base?: number | undefined;
  /** Whether to reserve the vectors, so that no other source can be attached to them. */
  readonly claim?: boolean | undefined;
}
