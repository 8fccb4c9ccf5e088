/** A signal that the watching thread saw. */
export interface SeenSignal {
  readonly watch: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly at: number;
  /** Counter of the eventfd at the time `at`. */
  readonly total: number;
}

/** Maximum number of signals in the queue. */
const ROOM = 1 << 13;
const FIELDS = 3;
/** Indexes of the counters. */
const WRITTEN = 0;
const READ = 1;

/** The memory of a queue, which both threads share. */
export interface SeenSignalsMemory {
  /** The numbers of written signals and of read signals, modulo 2^32. */
  readonly counters: Int32Array;
  readonly fields: Float64Array;
}

export function createSeenSignalsMemory(): SeenSignalsMemory {
  return {
    counters: new Int32Array(new SharedArrayBuffer(8)),
    fields: new Float64Array(new SharedArrayBuffer(8 * FIELDS * ROOM)),
  };
}

/**
 * A queue of signals from the watching thread to the program, in shared memory. A message for each
 * signal would take more CPU time than the interrupt itself.
 */
export class SeenSignals {
  readonly #counters: Int32Array;
  readonly #fields: Float64Array;
  /** The signals for which the queue had no room. Only the watching thread has such signals. */
  #waiting: SeenSignal[] = [];

  constructor({ counters, fields }: SeenSignalsMemory) {
    this.#counters = counters;
    this.#fields = fields;
  }

  /** Number of signals in the queue. */
  get size(): number {
    return (Atomics.load(this.#counters, WRITTEN) - Atomics.load(this.#counters, READ)) | 0;
  }

  /**
   * Adds a signal. If the queue is full, the signal waits for {@link addWaiting}. Only the watching
   * thread calls this method.
   */
  add(watch: number, at: number, total: number): void {
    if (this.#waiting.length > 0 || !this.#put(watch, at, total)) {
      this.#waiting.push({ watch, at, total });
    }
  }

  /**
   * Adds the waiting signals, as many as the queue has room for. Only the watching thread calls this
   * method.
   *
   * @returns number of signals that still wait
   */
  addWaiting(): number {
    const full = this.#waiting.findIndex(({ watch, at, total }) => !this.#put(watch, at, total));
    this.#waiting = full === -1 ? [] : this.#waiting.slice(full);
    return this.#waiting.length;
  }

  /** Removes the oldest signal. Only the program calls this method. @returns null if empty */
  take(): SeenSignal | null {
    if (this.size === 0) return null;
    const read = Atomics.load(this.#counters, READ);
    const first = (read & (ROOM - 1)) * FIELDS;
    const fields = this.#fields;
    const watch = fields[first] ?? 0;
    const at = fields[first + 1] ?? 0;
    const total = fields[first + 2] ?? 0;
    Atomics.store(this.#counters, READ, (read + 1) | 0);
    return { watch, at, total };
  }

  /** @returns false if the queue is full */
  #put(watch: number, at: number, total: number): boolean {
    if (this.size >= ROOM) return false;
    const written = Atomics.load(this.#counters, WRITTEN);
    const first = (written & (ROOM - 1)) * FIELDS;
    this.#fields[first] = watch;
    this.#fields[first + 1] = at;
    this.#fields[first + 2] = total;
    Atomics.store(this.#counters, WRITTEN, (written + 1) | 0);
    return true;
  }
}
