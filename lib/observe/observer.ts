/** What is observed: the object of the contract that a call is made on. */
export interface Subject {
  readonly kind: 'device' | 'window' | 'addressSpace' | 'eventSet';
  /** Name of the device it belongs to. */
  readonly device: string;
  /** Tells the windows, sets and connections of one process apart. */
  readonly id: number;
  /** What a window shows. */
  readonly region?: number;
  readonly offset?: number;
}

/** A call of the contract that is about to be made. */
export interface Call {
  readonly subject: Subject;
  /** The contract's name for it; `'deliver'` is what an event set does when interrupts arrived. */
  readonly method: string;
  /** As given: what a call fills in is there when it has ended. Of `'deliver'` {@link Fired}s. */
  readonly args: readonly unknown[];
}

/** A slot of an event set that fired; the count is 0 where the eventfd was not read. */
export interface Fired {
  readonly slot: number;
  readonly count: bigint;
}

/** How it ended; of a promise, when that was settled. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Is told of every call, and by what it returns of the call's end. Must not throw. */
export type Observer = (call: Call) => (outcome: Outcome) => void;
