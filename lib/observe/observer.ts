/** The object of the contract that a call is made on. */
export interface Subject {
  readonly kind: 'device' | 'window' | 'addressSpace' | 'eventSet';
  /** Name of the device that owns the object. */
  readonly device: string;
  /** Number of the object, unique in this process. */
  readonly id: number;
  /** Region that a window maps; only windows have one. */
  readonly region?: number;
  /** Offset of a window in its region, in bytes; only windows have one. */
  readonly offset?: number;
}

/** A call of the contract that is about to be made. */
export interface Call {
  readonly subject: Subject;
  /**
   * Name of the method in the contract, or `'deliver'`: an event set runs its callback for
   * interrupts that arrived.
   */
  readonly method: string;
  /**
   * The caller's arguments, not copies: output buffers are filled when the call has ended. The
   * arguments of `'deliver'` are {@link Fired} objects.
   */
  readonly args: readonly unknown[];
}

/** A slot of an event set that fired. The count is 0 if the eventfd was not read. */
export interface Fired {
  readonly slot: number;
  readonly count: bigint;
}

/** Result or error of a call. If the call returned a promise, the result of the promise. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/**
 * Receives every call before the call is made. The returned function receives the outcome. Neither
 * function may throw.
 */
export type Observer = (call: Call) => (outcome: Outcome) => void;
