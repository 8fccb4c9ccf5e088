/**
 * A line of a trace file. Each line is one JSON value. Times are in nanoseconds of CLOCK_MONOTONIC.
 * All threads and processes of a machine share this clock.
 */
export type Line = CallLine | RareLine;

/** A line that is a JSON object. */
export type RareLine =
  Start | Stop | ObjectLine | VectorLine | LeaveLine | SignalLine | DeliverLine | MaskLine;

/** The first line of a file. */
export interface Start {
  readonly type: 'start';
  readonly at: number;
  readonly pid: number;
  /** Number of the thread; 0 is the main thread. */
  readonly thread: number;
  readonly argv: readonly string[];
}

/** The second line of a file, if the tracer failed. Otherwise the second line is `null`. */
export interface Stop {
  readonly type: 'stop';
  readonly reason: string;
}

/** An object of the library, before the first call on the object. */
export interface ObjectLine {
  readonly type: 'object';
  readonly id: number;
  readonly device: string;
  /** `device`, `addressSpace`, `eventSet`, or for example `window of region 0`. */
  readonly kind: string;
}

/**
 * A call, or consecutive reads of one register with the same result. A trace has millions of calls,
 * so the line is an array: start of the first call, nanoseconds until the end of the last call, id
 * of the object, method, arguments, result, error, number of calls. The line ends after the last
 * element that differs from its default: null, null, null, 1.
 */
export type CallLine = readonly [
  at: number,
  duration: number,
  object: number,
  method: string,
  args: string,
  result?: string | null,
  error?: string | null,
  count?: number,
];

/** A vector of a device: `irq` is intx, msi, msix, err or req. */
export interface VectorName {
  readonly device: string;
  readonly irq: string;
  readonly vector: number;
}

/** SET_IRQS bound an eventfd to the vector or unbound the eventfd from the vector. */
export interface VectorLine extends VectorName {
  readonly type: 'bind' | 'release';
  readonly at: number;
}

/**
 * The vector's eventfd was removed from its event set. No further interrupt of the vector is
 * delivered.
 */
export interface LeaveLine extends VectorName {
  readonly type: 'leave';
  readonly at: number;
  /** Number of interrupts so far, including interrupts that were not delivered. */
  readonly total: number;
}

/** The vector's eventfd was signalled. */
export interface SignalLine extends VectorName {
  readonly type: 'signal';
  readonly at: number;
  /** Number of interrupts so far; absent if deliveries read the counter of the eventfd. */
  readonly total?: number;
}

/** The program ran the listeners of the vectors in `vectors`. */
export interface DeliverLine {
  readonly type: 'deliver';
  readonly at: number;
  readonly end: number;
  readonly device: string;
  /** The vectors whose listeners ran. `total` is the number of interrupts of the vector so far. */
  readonly vectors: readonly { irq: string; vector: number; total: number }[];
}

/** SET_IRQS masked or unmasked the vector. */
export interface MaskLine extends VectorName {
  readonly type: 'mask' | 'unmask';
  readonly at: number;
}
