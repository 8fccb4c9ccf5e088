/** The interrupts of one vector in one interval. */
export interface Reading {
  readonly vector: number;
  /** Number of interrupts in this interval. */
  readonly count: number;
  /** Interrupts per second. */
  readonly rate: number;
  /** Number of interrupts since the start. */
  readonly total: number;
}

/** Counts the interrupts of each vector and computes rates. */
export class Meter {
  readonly #totals: number[];
  readonly #before: number[];
  #time: number;

  /** @param now - the current time, in milliseconds */
  constructor(vectors: number, now: number) {
    this.#totals = new Array<number>(vectors).fill(0);
    this.#before = new Array<number>(vectors).fill(0);
    this.#time = now;
  }

  add(vector: number, count: bigint): void {
    this.#totals[vector] = (this.#totals[vector] ?? 0) + Number(count);
  }

  get total(): number {
    return this.#totals.reduce((sum, count) => sum + count, 0);
  }

  /** Returns, for each vector, the interrupts since the previous call. */
  read(now: number): Reading[] {
    const seconds = Math.max(now - this.#time, 1) / 1000;
    this.#time = now;
    return this.#totals.map((total, vector) => {
      const count = total - (this.#before[vector] ?? 0);
      this.#before[vector] = total;
      return { vector, count, rate: count / seconds, total };
    });
  }

  /** Returns, for each vector, all interrupts and the mean rate over `seconds`. */
  mean(seconds: number): Reading[] {
    return this.#totals.map((total, vector) => {
      return { vector, count: total, rate: seconds > 0 ? total / seconds : 0, total };
    });
  }
}
