/** Statistics of delivery times, in nanoseconds. */
export interface Latency {
  readonly median: number;
  readonly max: number;
}

/** Collects delivery times. Each time uses eight bytes, so the median of millions stays exact. */
export class Latencies {
  #times = new Float64Array(16);
  #length = 0;

  add(nanoseconds: number): void {
    if (this.#length === this.#times.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#times);
      this.#times = longer;
    }
    this.#times[this.#length++] = nanoseconds;
  }

  /** Returns null if no time was added. */
  summarize(): Latency | null {
    const sorted = this.#times.subarray(0, this.#length).sort();
    const median = sorted[Math.floor(sorted.length / 2)];
    return median === undefined ? null : { median, max: sorted.at(-1) ?? median };
  }
}
