import type { OpenedVia } from '../contract/index.js';

/** The object of the back end that receives a call. */
export interface Subject {
  readonly kind: 'device' | 'window' | 'addressSpace' | 'createdSpace' | 'eventSet';
  /** Name of the device that owns the object. */
  readonly device: string;
  /** The interface through which the device was opened. */
  readonly via: OpenedVia;
  /** Number of the object, unique in this process. */
  readonly id: number;
  /** The region that a window maps; undefined for other objects. */
  readonly region?: number;
  /** Offset of a window in its region, in bytes; undefined for other objects. */
  readonly offset?: number;
}

/** A call to a back end, before the call is made. */
export interface Call {
  readonly subject: Subject;
  /**
   * Name of the method. `'deliver'` means that an event set runs its callback for interrupts that
   * arrived. `'nameRegisters'` means that the program has defined the registers of a window.
   */
  readonly method: string;
  /**
   * The arguments of the call, which are not copied. After the call, output buffers contain the
   * results. The arguments of `'deliver'` are {@link Fired} objects. The argument of
   * `'nameRegisters'` has a method `toJSON()`, which returns a region of a register file.
   */
  readonly args: readonly unknown[];
}

/** A signalled slot of an event set. `count` is 0 if the eventfd was not read. */
export interface Fired {
  readonly slot: number;
  readonly count: bigint;
}

/**
 * Result or error of a call. If the call returned a promise, the outcome is the result of the
 * promise.
 */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Receives every call before the call is made. The returned function receives the outcome. The
 * observer and the returned function must not throw.
 */
export type Observer = (call: Call) => (outcome: Outcome) => void;
