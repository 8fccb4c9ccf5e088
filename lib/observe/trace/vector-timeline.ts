import type { MaskLine, VectorName } from './format.js';

/**
 * A delivery with its interrupts, or interrupts that were lost. The number of interrupts of a
 * delivery can be 0.
 */
export interface Interrupt {
  /** Time of the first interrupt; null if this time is unknown. */
  readonly raised: number | null;
  /** Time at which the listeners were called; null if the interrupts were lost. */
  readonly delivered: number | null;
  /** Time at which the listeners returned, or the time at which the interrupts were lost. */
  readonly done: number | null;
  /** Number of interrupts; 0 if an earlier delivery already covered all interrupts. */
  readonly count: number;
  readonly state: 'delivered' | 'late' | 'lost';
}

/** The timeline of one vector: its bindings, masks and interrupts. */
export interface VectorTimeline extends VectorName {
  /**
   * Periods in which an eventfd was bound to the vector; `to` is null if the eventfd is still
   * bound.
   */
  readonly bound: { from: number; to: number | null }[];
  readonly interrupts: Interrupt[];
  readonly masks: { at: number; type: 'mask' | 'unmask' }[];
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

/** Assigns the signals of one vector to its deliveries. */
export class VectorBuilder {
  readonly #late: number;
  readonly #bound: { from: number; to: number | null }[] = [];
  readonly #masks: { at: number; type: 'mask' | 'unmask' }[] = [];
  readonly #interrupts: Interrupt[] = [];
  /** Signals and deliveries since the eventfd was added to its event set. */
  #signals: Signal[] = [];
  #deliveries: Delivery[] = [];

  /**
   * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after
   *   this limit is late
   */
  constructor(late: number) {
    this.#late = late;
  }

  bind(at: number): void {
    this.#bound.push({ from: at, to: null });
  }

  release(at: number): void {
    const last = this.#bound.at(-1);
    if (last !== undefined) last.to ??= at;
  }

  mask({ at, type }: MaskLine): void {
    this.#masks.push({ at, type });
  }

  /**
   * Adds a signal. The caller can add signals in any order, because the trace file has no strict
   * order of signals.
   *
   * @param total - number of interrupts so far; undefined if deliveries read the counter of the
   *   eventfd
   */
  signal(at: number, total: number | undefined): void {
    this.#signals.push({ at, total });
  }

  /** @param total - number of interrupts so far */
  deliver(at: number, end: number, total: number): void {
    this.#deliveries.push({ at, end, total });
  }

  /**
   * Notes that the eventfd was removed from its event set. Interrupts without a delivery are lost.
   *
   * @param total - number of interrupts since the eventfd was added to the event set
   */
  leave(at: number, total: number): void {
    const signals = this.#signals.sort((a, b) => a.at - b.at);
    let before: Delivery = { at: -Infinity, end: -Infinity, total: 0 };
    const firstSignalSince = (until: number): number | null => {
      const fresh = signals.find((signal) =>
        signal.total === undefined
          ? signal.at > before.at && signal.at <= until
          : signal.total > before.total,
      );
      return fresh === undefined ? null : Math.min(fresh.at, until);
    };
    for (const delivery of this.#deliveries) {
      const count = Math.max(delivery.total - before.total, 0);
      const raised = count === 0 ? null : firstSignalSince(delivery.at);
      const late = raised !== null && delivery.at - raised > this.#late;
      this.#interrupts.push({
        raised,
        delivered: delivery.at,
        done: delivery.end,
        count,
        state: late ? 'late' : 'delivered',
      });
      before = { ...delivery, total: Math.max(delivery.total, before.total) };
    }
    const lost = total - before.total;
    if (lost > 0) {
      const raised = firstSignalSince(at);
      this.#interrupts.push({ raised, delivered: null, done: at, count: lost, state: 'lost' });
    }
    this.#signals = [];
    this.#deliveries = [];
  }

  /**
   * Returns the timeline.
   *
   * @param end - end time of the trace; used if the program was killed before the eventfd was
   *   removed
   */
  finish(name: VectorName, end: number): VectorTimeline {
    this.leave(end, Math.max(0, ...this.#signals.map(({ total = 0 }) => total)));
    const [bound, masks, interrupts] = [this.#bound, this.#masks, this.#interrupts];
    return { ...name, bound, masks, interrupts };
  }
}
