import { BoundedList, type Resolution, type Span } from './bounded-list.js';
import type { MaskLine, VectorName } from './format.js';
import { InterruptMatcher, type MatchedInterrupts } from './interrupt-matcher.js';
import { Latencies, type Latency } from './latencies.js';

/**
 * One or more deliveries of the same state with their interrupts, or interrupts that were lost. The
 * time of an entry starts at the first interrupt and ends when the listeners returned.
 */
export interface Interrupt extends Span {
  readonly state: 'delivered' | 'late' | 'lost';
  /** Time at which the listeners were first called; null if the interrupts were lost. */
  delivered: number | null;
  /** Number of interrupts; 0 if an earlier delivery already covered all interrupts. */
  count: number;
  /** Number of deliveries, or of losses, in this entry. */
  entries: number;
  /** Longest time from an interrupt to its delivery, in nanoseconds; null if unknown. */
  waited: number | null;
}

/** One or more operations of the same kind: mask, unmask, or a period with a bound eventfd. */
export interface Period extends Span {
  count: number;
}

/** The timeline of one vector: its bindings, masks and interrupts. */
export interface VectorTimeline extends VectorName {
  /** Periods in which an eventfd was bound to the vector. */
  readonly bound: readonly Period[];
  readonly interrupts: readonly Interrupt[];
  readonly masks: readonly Period[];
  readonly unmasks: readonly Period[];
  readonly figures: VectorFigures;
}

/** The statistics of one vector. `late` and `lost` are numbers of interrupts. */
export interface VectorFigures {
  readonly interrupts: number;
  readonly deliveries: number;
  readonly late: number;
  readonly lost: number;
  /** null if the trace contains no delivered interrupt with a known time */
  readonly latency: Latency | null;
}

/** Builds the timeline of one vector. The caller adds the lines in the order of the file. */
export class VectorBuilder {
  readonly #late: number;
  readonly #matcher = new InterruptMatcher((interrupts) => {
    this.#addInterrupts(interrupts);
  });
  readonly #bound: BoundedList<Period>;
  readonly #masks: Readonly<Record<'mask' | 'unmask', BoundedList<Period>>>;
  readonly #interrupts: Readonly<Record<Interrupt['state'], BoundedList<Interrupt>>>;
  readonly #latencies = new Latencies();
  readonly #figures = { interrupts: 0, deliveries: 0, late: 0, lost: 0 };
  #boundSince: number | null = null;

  /**
   * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after
   *   this limit is late
   */
  constructor(late: number, resolution: Resolution) {
    this.#late = late;
    const periods = () => new BoundedList<Period>(resolution, mergePeriods);
    const interrupts = () => new BoundedList<Interrupt>(resolution, mergeInterrupts);
    this.#bound = periods();
    this.#masks = { mask: periods(), unmask: periods() };
    this.#interrupts = { delivered: interrupts(), late: interrupts(), lost: interrupts() };
  }

  bind(at: number): void {
    this.release(at);
    this.#boundSince = at;
  }

  release(at: number): void {
    if (this.#boundSince === null) return;
    this.#bound.push({ at: this.#boundSince, end: at, count: 1 });
    this.#boundSince = null;
  }

  mask({ at, type }: MaskLine): void {
    this.#masks[type].push({ at, end: at, count: 1 });
  }

  /**
   * Adds a signal. The caller can add signals later than their deliveries.
   *
   * @param total - number of interrupts so far; undefined if deliveries read the counter of the
   *   eventfd
   */
  signal(at: number, total: number | undefined): void {
    this.#matcher.signal(at, total);
  }

  /** @param total - number of interrupts so far */
  deliver(at: number, end: number, total: number): void {
    this.#matcher.deliver(at, end, total);
  }

  /**
   * Notes that the eventfd was removed from its event set. Interrupts without a delivery are lost.
   *
   * @param total - number of interrupts since the eventfd was added to the event set
   */
  leave(at: number, total: number): void {
    this.#matcher.leave(at, total);
  }

  /**
   * Returns the timeline.
   *
   * @param end - end time of the trace; used if the program was killed before the eventfd was
   *   removed
   */
  finish(name: VectorName, end: number): VectorTimeline {
    this.#matcher.finish(end);
    this.release(end);
    const { delivered, late, lost } = this.#interrupts;
    const lists = [delivered, late, lost].map((list) => list.sorted());
    return {
      ...name,
      bound: this.#bound.sorted(),
      interrupts: lists.flat().sort((a, b) => a.at - b.at),
      masks: this.#masks.mask.sorted(),
      unmasks: this.#masks.unmask.sorted(),
      figures: { ...this.#figures, latency: this.#latencies.summarize() },
    };
  }

  #addInterrupts({ raised, delivered, done, count }: MatchedInterrupts): void {
    const waited = raised === null || delivered === null ? null : delivered - raised;
    const isLate = waited !== null && waited > this.#late;
    const state = delivered === null ? 'lost' : isLate ? 'late' : 'delivered';
    const at = raised ?? delivered ?? done;
    this.#interrupts[state].push({ at, end: done, state, delivered, count, entries: 1, waited });
    this.#figures.interrupts += count;
    if (delivered !== null) this.#figures.deliveries++;
    if (state !== 'delivered') this.#figures[state] += count;
    if (waited !== null) this.#latencies.add(waited);
  }
}

function mergePeriods(into: Period, { count }: Period): void {
  into.count += count;
}

function mergeInterrupts(into: Interrupt, next: Interrupt): void {
  into.count += next.count;
  into.entries += next.entries;
  if (next.waited !== null) into.waited = Math.max(into.waited ?? 0, next.waited);
}
