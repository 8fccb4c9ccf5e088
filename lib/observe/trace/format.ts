import type { Subject } from '../index.js';

/**
 * A line of a trace file. Each line is one JSON value. Times are in nanoseconds of CLOCK_MONOTONIC.
 * All threads and processes of a machine share this clock.
 */
export type Line = CallLine | RareLine;

/** A line that is a JSON object. */
export type RareLine =
  | Start
  | Stop
  | End
  | ObjectLine
  | BeginLine
  | VectorLine
  | AwaitLine
  | LeaveLine
  | SignalLine
  | DeliverLine
  | MaskLine
  | ConfigLine
  | RegistersLine
  | DmaFaultLine;

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

/** The process ends by itself. A process that was killed has no such line. */
export interface End {
  readonly type: 'end';
  readonly at: number;
  readonly exitCode: number;
}

/** An object of the library, before the first call on the object. */
export interface ObjectLine {
  readonly type: 'object';
  readonly id: number;
  readonly device: string;
  readonly kind: Subject['kind'];
  /** The interface through which the device was opened. */
  readonly via: Subject['via'];
  /** The region that a window maps. Other objects have no region. */
  readonly region?: number;
  /** Offset of a window in its region, in bytes. */
  readonly offset?: number;
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

/** The start of a call that can last for ever. The {@link CallLine} follows when the call returns. */
export interface BeginLine {
  readonly type: 'begin';
  readonly at: number;
  readonly object: number;
  readonly method: string;
  readonly args: string;
}

/** A vector of a device: `irq` is intx, msi, msix, err or req. */
export interface VectorName {
  readonly device: string;
  readonly irq: string;
  readonly vector: number;
}

/**
 * SET_IRQS bound an eventfd to the vector or unbound the eventfd from the vector. `resample` is an
 * eventfd that unmasks INTx.
 */
export interface VectorLine extends VectorName {
  readonly type: 'bind' | 'release' | 'resample';
  readonly at: number;
}

/**
 * The program has begun, or has ended, to wait for the next interrupt of a vector. Short waits are
 * not in the trace.
 */
export interface AwaitLine extends VectorName {
  readonly type: 'await' | 'awaited';
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

/** What the program knows of configuration space. Written when one of the facts has changed. */
export interface ConfigLine {
  readonly type: 'config';
  readonly at: number;
  readonly device: string;
  /** The command register; null if the program has neither read nor written the register. */
  readonly command: number | null;
  /** The power state: 0 is D0, 3 is D3hot. Null if the program does not know the PM capability. */
  readonly powerState: number | null;
  /** The location of the MSI-X table; null if the program does not know the MSI-X capability. */
  readonly msixTable: {
    readonly region: number;
    readonly offset: number;
    readonly vectors: number;
  } | null;
}

/** The program has defined the registers of a window with `defineRegisters`. */
export interface RegistersLine {
  readonly type: 'registers';
  readonly at: number;
  readonly device: string;
  /** Index of the region. */
  readonly region: number;
  /** Offset of the window in its region, in bytes. */
  readonly offset: number;
  /** A region of a register file. */
  readonly registers: Readonly<Record<string, object>>;
}

/** The IOMMU refused a DMA transfer of the device. */
export interface DmaFaultLine {
  readonly type: 'dmaFault';
  readonly at: number;
  readonly device: string;
  /** What the device did, where, and why the IOMMU refused it. */
  readonly text: string;
}
