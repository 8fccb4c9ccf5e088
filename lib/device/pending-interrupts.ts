/** Interrupts of a vector that arrived, but are not delivered yet. */
export class PendingInterrupts {
  readonly #counted: boolean;
  #count = 0n;

  /** @param counted - whether interrupts are counted; otherwise the count is at most 1n */
  constructor(counted: boolean) {
    this.#counted = counted;
  }

  add(count: bigint): void {
    if (count > 0n) this.#count = this.#counted ? this.#count + count : 1n;
  }

  /** Returns the number of interrupts, and resets the number to 0. */
  take(): bigint {
    const count = this.#count;
    this.#count = 0n;
    return count;
  }
}
