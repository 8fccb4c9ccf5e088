/** A delivery with its interrupts, or interrupts that were lost. */
export interface MatchedInterrupts {
  /** Time of the first interrupt; null if this time is unknown. */
  readonly raised: number | null;
  /** Time at which the listeners were called; null if the interrupts were lost. */
  readonly delivered: number | null;
  /** Time at which the listeners returned, or the time at which the interrupts were lost. */
  readonly done: number;
  /** Number of interrupts; 0 if an earlier delivery already covered all interrupts. */
  readonly count: number;
}

interface Signal {
  readonly at: number;
  readonly total: number | undefined;
}

interface Delivery {
  readonly at: number;
  readonly end: number;
  readonly total: number;
}

/**
 * Minimum number of deliveries that wait for their signals. The watching thread can report a signal
 * after the program has reported the delivery, so the trace file has no strict order.
 */
const MIN_PENDING = 1000;
/** Maximum number of signals that wait for a delivery. */
const MAX_SIGNALS = 100_000;

const NO_DELIVERY: Delivery = { at: -Infinity, end: -Infinity, total: 0 };

/** Assigns the signals of one vector to its deliveries. */
export class InterruptMatcher {
  readonly #onMatch: (interrupts: MatchedInterrupts) => void;
  /** The signals at positions below `#used` belong to deliveries that are already matched. */
  #signals: Signal[] = [];
  #used = 0;
  #deliveries: Delivery[] = [];
  /** The last matched delivery since the eventfd was added to its event set. */
  #before: Delivery = NO_DELIVERY;

  constructor(onMatch: (interrupts: MatchedInterrupts) => void) {
    this.#onMatch = onMatch;
  }

  /** Adds a signal. @param total - number of interrupts so far; undefined if unknown */
  signal(at: number, total: number | undefined): void {
    this.#signals.push({ at, total });
    // During a storm, every second signal is enough for the time of the first interrupt.
    if (this.#signals.length > MAX_SIGNALS) {
      this.#signals = this.#signals.filter((_, i) => i % 2 === 0);
    }
  }

  /** Adds a delivery. @param total - number of interrupts so far */
  deliver(at: number, end: number, total: number): void {
    this.#deliveries.push({ at, end, total });
    if (this.#deliveries.length >= 2 * MIN_PENDING) this.#match(MIN_PENDING);
  }

  /** Ends the use of the eventfd. @param total - number of interrupts; undelivered ones are lost */
  leave(at: number, total: number): void {
    this.#match(this.#deliveries.length);
    const count = total - this.#before.total;
    if (count > 0) {
      this.#onMatch({ raised: this.#firstSignal(at), delivered: null, done: at, count });
    }
    this.#signals = [];
    this.#used = 0;
    this.#before = NO_DELIVERY;
  }

  /** Ends the trace of a program that was killed. All undelivered signals are lost. */
  finish(at: number): void {
    this.leave(
      at,
      this.#signals.reduce((most, { total = 0 }) => Math.max(most, total), 0),
    );
  }

  /** Matches the oldest deliveries. */
  #match(count: number): void {
    this.#signals.sort((a, b) => a.at - b.at);
    for (const delivery of this.#deliveries.splice(0, count)) {
      const { at, end, total } = delivery;
      const fresh = Math.max(total - this.#before.total, 0);
      const raised = fresh === 0 ? null : this.#firstSignal(at);
      this.#onMatch({ raised, delivered: at, done: end, count: fresh });
      this.#before = { ...delivery, total: Math.max(total, this.#before.total) };
    }
    this.#skipUsed();
    this.#signals.splice(0, this.#used);
    this.#used = 0;
  }

  /** Returns the time of the first signal after the last delivery; null if the time is unknown. */
  #firstSignal(until: number): number | null {
    this.#skipUsed();
    const first = this.#signals[this.#used];
    if (first === undefined || (first.total === undefined && first.at > until)) return null;
    return Math.min(first.at, until);
  }

  #skipUsed(): void {
    const before = this.#before;
    for (; this.#used < this.#signals.length; this.#used++) {
      const { at = 0, total } = this.#signals[this.#used] ?? {};
      if (total === undefined ? at > before.at : total > before.total) return;
    }
  }
}
