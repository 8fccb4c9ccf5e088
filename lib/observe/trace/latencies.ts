/** Statistics of delivery times, in nanoseconds. */
export interface Latency {
  readonly median: number;
  readonly max: number;
}

/**
 * Collects delivery times. Each time uses twelve bytes, so the median of millions stays exact.
 */
export class Latencies {
  #times = new Float64Array(16);
  #counts = new Uint32Array(16);
  #length = 0;

  /** @param count - the number of interrupts of the delivery */
  add(nanoseconds: number, count: number): void {
    if (this.#length === this.#times.length) {
      const [times, counts] = [this.#times, this.#counts];
      this.#times = new Float64Array(2 * this.#length);
      this.#counts = new Uint32Array(2 * this.#length);
      this.#times.set(times);
      this.#counts.set(counts);
    }
    this.#times[this.#length] = nanoseconds;
    this.#counts[this.#length++] = count;
  }

  /** Returns the number of interrupts whose delivery took longer than a limit. */
  countAbove(limit: number): number {
    let sum = 0;
    for (let i = 0; i < this.#length; i++) {
      if ((this.#times[i] ?? 0) > limit) sum += this.#counts[i] ?? 0;
    }
    return sum;
  }

  /** Returns null if no time was added. */
  summarize(): Latency | null {
    return Latencies.summarizeAll([this]);
  }

  /** Returns the statistics of several lists together; null if no time was added. */
  static summarizeAll(lists: readonly Latencies[]): Latency | null {
    const all = new Float64Array(lists.reduce((n, list) => n + list.#length, 0));
    let length = 0;
    for (const list of lists) {
      all.set(list.#times.subarray(0, list.#length), length);
      length += list.#length;
    }
    all.sort();
    const median = all[Math.floor(length / 2)];
    return median === undefined ? null : { median, max: all.at(-1) ?? median };
  }
}
