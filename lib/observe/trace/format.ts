/**
 * What a traced program writes: one JSON object a line. Times are nanoseconds of the monotonic
 * clock, which all threads and processes of a machine share.
 */
export type Line = Start | CallLine | VectorLine | LeaveLine | SignalLine | DeliverLine | MaskLine;

/** The first line of a file. */
export interface Start {
  readonly type: 'start';
  readonly at: number;
  readonly pid: number;
  /** 0 is the main thread. */
  readonly thread: number;
  readonly argv: readonly string[];
}

export interface CallLine {
  readonly type: 'call';
  readonly at: number;
  readonly end: number;
  readonly device: string;
  readonly kind: string;
  readonly id: number;
  readonly method: string;
  readonly args: string;
  readonly result?: string;
  readonly error?: string;
}

/** A vector of a device: `irq` is intx, msi, msix, err or req. */
export interface VectorName {
  readonly device: string;
  readonly irq: string;
  readonly vector: number;
}

/** It got an eventfd, or lost it. */
export interface VectorLine extends VectorName {
  readonly type: 'bind' | 'release';
  readonly at: number;
}

/** Nobody waits for its eventfd any more. */
export interface LeaveLine extends VectorName {
  readonly type: 'leave';
  readonly at: number;
  /** Interrupts there were, delivered or not. */
  readonly total: number;
}

/** Its eventfd was signalled. */
export interface SignalLine extends VectorName {
  readonly type: 'signal';
  readonly at: number;
  /** Interrupts so far; left out where that cannot be known. */
  readonly total?: number;
}

export interface DeliverLine {
  readonly type: 'deliver';
  readonly at: number;
  readonly end: number;
  readonly device: string;
  /** Those that fired, with the interrupts so far. */
  readonly vectors: readonly { irq: string; vector: number; total: number }[];
}

export interface MaskLine extends VectorName {
  readonly type: 'mask' | 'unmask';
  readonly at: number;
}
