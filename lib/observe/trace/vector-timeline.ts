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
  /** The delivery times of the vector. */
  readonly latencies = new Latencies();
  readonly #resolution: Resolution;
  readonly #matcher = new InterruptMatcher((interrupts) => {
    this.#addInterrupts(interrupts);
  });
  readonly #bound: BoundedList<Period>;
  readonly #masks: Readonly<Record<'mask' | 'unmask', BoundedList<Period>>>;
  readonly #lost: BoundedList<Interrupt>;
  /**
   * The deliveries, by the logarithm of their waiting times. Late deliveries are known only at the
   * end of the trace, and must not be merged with others before.
   */
  readonly #delivered = new Map<number, BoundedList<Interrupt>>();
  readonly #figures = { interrupts: 0, deliveries: 0, lost: 0 };
  #boundSince: number | null = null;

  constructor(resolution: Resolution) {
    this.#resolution = resolution;
    const periods = () => new BoundedList<Period>(resolution, mergePeriods);
    this.#bound = periods();
    this.#masks = { mask: periods(), unmask: periods() };
    this.#lost = new BoundedList<Interrupt>(resolution, mergeInterrupts);
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
   * Ends the timeline. The caller adds no further line.
   *
   * @param end - end time of the trace; used if the program was killed before the eventfd was
   *   removed
   */
  end(end: number): void {
    this.#matcher.finish(end);
    this.release(end);
  }

  /**
   * Returns the timeline after {@link end}.
   *
   * @param late - time limit in nanoseconds from an interrupt to its delivery; a delivery after
   *   this limit is late
   */
  build(name: VectorName, late: number): VectorTimeline {
    const delivered = [...this.#delivered.values()].flatMap((list) =>
      list.sorted().map((one) => ((one.waited ?? 0) > late ? markLate(one) : one)),
    );
    return {
      ...name,
      bound: this.#bound.sorted(),
      interrupts: [...delivered, ...this.#lost.sorted()].sort((a, b) => a.at - b.at),
      masks: this.#masks.mask.sorted(),
      unmasks: this.#masks.unmask.sorted(),
      figures: {
        ...this.#figures,
        late: this.latencies.countAbove(late),
        latency: this.latencies.summarize(),
      },
    };
  }

  #addInterrupts({ raised, delivered, done, count }: MatchedInterrupts): void {
    const waited = raised === null || delivered === null ? null : delivered - raised;
    const state = delivered === null ? 'lost' : 'delivered';
    const at = raised ?? delivered ?? done;
    const list = delivered === null ? this.#lost : this.#listOf(waited);
    list.push({ at, end: done, state, delivered, count, entries: 1, waited });
    this.#figures.interrupts += count;
    if (delivered === null) this.#figures.lost += count;
    else this.#figures.deliveries++;
    if (waited !== null) this.latencies.add(waited, count);
  }

  #listOf(waited: number | null): BoundedList<Interrupt> {
    const key = waited === null ? -1 : Math.round(Math.log2(Math.max(waited, 1)));
    let list = this.#delivered.get(key);
    if (list === undefined) {
      list = new BoundedList<Interrupt>(this.#resolution, mergeInterrupts);
      this.#delivered.set(key, list);
    }
    return list;
  }
}

function markLate(interrupt: Interrupt): Interrupt {
  return { ...interrupt, state: 'late' };
}

function mergePeriods(into: Period, { count }: Period): void {
  into.count += count;
}

function mergeInterrupts(into: Interrupt, next: Interrupt): void {
  into.count += next.count;
  into.entries += next.entries;
  if (next.waited !== null) into.waited = Math.max(into.waited ?? 0, next.waited);
}
