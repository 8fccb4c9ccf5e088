/** A part of the trace between two times, in nanoseconds of CLOCK_MONOTONIC. */
export interface Span {
  at: number;
  end: number;
}

interface Condensable {
  condense(): number;
}

/** Maximum number of entries in all lists of a trace. A browser draws this number in an instant. */
const MAX_ENTRIES = 200_000;
/** The first resolution, in nanoseconds. */
const FIRST_PERIOD = 1000;

/**
 * The resolution of a trace. While all lists together have at most 200,000 entries, each entry
 * stays separate. With more entries, the resolution doubles until at most half of the limit is
 * left. Neighbours that fit into one period of the resolution become one entry. Single events in
 * quiet parts of the trace therefore stay separate.
 */
export class Resolution {
  readonly #lists: Condensable[] = [];
  readonly #limit: number;
  #entries = 0;
  #period = 0;

  constructor(limit: number = MAX_ENTRIES) {
    this.#limit = limit;
  }

  /** Nanoseconds; 0 if all entries are separate. */
  get period(): number {
    return this.#period;
  }

  /** Counts the entries of a list. */
  include(list: Condensable): void {
    this.#lists.push(list);
  }

  /** Counts a new entry. */
  countEntry(): void {
    // Each list keeps at least one entry.
    const least = 2 * this.#lists.length;
    if (++this.#entries <= Math.max(this.#limit, least)) return;
    while (this.#entries > Math.max(this.#limit, least) / 2) {
      this.#period = Math.max(this.#period * 2, FIRST_PERIOD);
      this.#entries = this.#lists.reduce((n, list) => n + list.condense(), 0);
    }
  }
}

/** Entries in the order of time. The resolution of the trace limits their number. */
export class BoundedList<T extends Span> {
  readonly #resolution: Resolution;
  readonly #merge: (into: T, next: T) => void;
  #entries: T[] = [];

  /**
   * @param merge - adds the contents of the second entry to the first entry, except `at` and `end`
   */
  constructor(resolution: Resolution, merge: (into: T, next: T) => void) {
    this.#resolution = resolution;
    this.#merge = merge;
    resolution.include(this);
  }

  push(entry: T): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && this.#join(last, entry)) return;
    this.#entries.push(entry);
    this.#resolution.countEntry();
  }

  /** Merges neighbours at the present resolution. @returns the number of entries */
  condense(): number {
    const kept: T[] = [];
    for (const entry of this.sorted()) {
      const last = kept.at(-1);
      if (last === undefined || !this.#join(last, entry)) kept.push(entry);
    }
    this.#entries = kept;
    return kept.length;
  }

  sorted(): T[] {
    return this.#entries.sort((a, b) => a.at - b.at);
  }

  /**
   * Converts the entries in the order of time, and empties the list. Each entry is released after its
   * conversion, so both forms are never in memory at once.
   */
  drain<U>(convert: (entry: T) => U): U[] {
    const entries = this.sorted().reverse();
    this.#entries = [];
    const converted: U[] = [];
    for (let entry; (entry = entries.pop()) !== undefined;) converted.push(convert(entry));
    return converted;
  }

  #join(last: T, next: T): boolean {
    const { period } = this.#resolution;
    const at = Math.min(last.at, next.at);
    const end = Math.max(last.end, next.end);
    if (period === 0 || end - at > period) return false;
    this.#merge(last, next);
    last.at = at;
    last.end = end;
    return true;
  }
}
