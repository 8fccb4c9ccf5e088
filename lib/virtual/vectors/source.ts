import type { Eventfd } from '../../contract/index.js';
import type { Cookie } from '../store/layout.js';

/**
 * What became of a signal: it went to the consumer; it is kept until the vector is unmasked; nobody
 * was there to take it; or MSI-X is disabled, so that it was not sent and the device has to fall
 * back to what it has instead.
 */
export type Fate = 'delivered' | 'pending' | 'dropped' | 'disabled';

/** Where a source reports what reaches it by way of this process. */
export interface VectorSink {
  /** Whether the source stands behind that vector. */
  serves(vector: number): boolean;
  /** The vector's cause occurred. */
  fire(vector: number): Fate;
  /** What is pending for the vector is void: its cause is gone. */
  withdraw(vector: number): void;
}

/**
 * The other side of a virtual MSI-X table: where the interrupts behind its vectors come from.
 * Vectors are counted from 0 here, whatever their place in the table is. A failure is a
 * {@link VfioError}; after it the vector is bound to nobody, and what the device fires meanwhile
 * stays in the device.
 */
export interface VectorSource {
  readonly name: string;
  /** Vectors it can serve. */
  readonly count: number;
  /** Whether a vector can be added while others run: VFIO_IRQ_INFO_NORESIZE is clear. */
  readonly growable: boolean;

  /** Called once, by the table it is put behind. @throws EBUSY the second time */
  connect(sink: VectorSink): void;
  /**
   * Allocates vectors 0 to `count - 1`, and binds those that have a target: an eventfd, or null for
   * the sink. Called while nothing is allocated.
   *
   * @throws {@link VfioError} ENOSPC, with `available` where fewer are to be had
   */
  allocate(count: number, targets?: readonly (Eventfd | null | undefined)[]): void;
  /**
   * Takes the vector into use: it signals `target`, or the sink for null. Called again it moves the
   * vector to another target, and no interrupt is lost or comes twice. A growable source allocates
   * the vector if it has to.
   */
  request(vector: number, target: Eventfd | null): void;
  /** The vector is masked: what fires is kept, by the device or, through the sink, by the table. */
  hold(vector: number): void;
  /** Gives back what serves the vector on the host. It stays allocated. */
  release(vector: number): void;
  /**
   * Sets what isolates the vector: before it is allocated, while it is allocated, or while it runs.
   * @throws {@link VfioError} EINVAL if vectors of this source have no such thing
   */
  setCookie(vector: number, cookie: Cookie): void;
  /** Before {@link disable}: what the device has sent arrives, and it sends no more. */
  settle?(): void;
  /** Releases and frees all vectors. What was kept here goes through the sink first. */
  disable(): void;
  /**
   * Brings what was kept for the vector here through the sink.
   * @returns whether the device itself keeps an interrupt, which it will send when it may
   */
  poll?(vector: number): boolean;
}

/** The table, as a source sees it that puts itself behind parts of it. */
export interface VectorTable {
  readonly vectors: number;
  /** Puts a source behind a range of vectors. */
  attach(source: VectorSource, range: VectorRange): void;
}

/** Vectors `first` to `first + count - 1` of a table, served by those from `base` on of a source. */
export interface VectorRange {
  /** Default: 0. */
  readonly first?: number | undefined;
  /** Default: as many as both have. */
  readonly count?: number | undefined;
  /** Default: 0. */
  readonly base?: number | undefined;
  /** The vectors are in use from now on, and not free for another source. */
  readonly claim?: boolean | undefined;
}
