/** The smallest number of changes that shows that a value is an index. */
const LEAST_CHANGES = 4;

interface History {
  changes: number;
  last: number;
  /** Whether each change was an increase of less than 2^15, modulo 2^16. */
  rises: boolean;
  /** The sum of all increases. */
  total: number;
}

/**
 * Finds the indexes in a ring that the device writes. An index has 16 bits, and increases each time
 * the device changes the ring. While requests are in flight, the index of a replay can be larger
 * than the recorded index, because the device can be faster.
 */
export class Counters {
  readonly #histories = new Map<number, History>();
  /** The sum of the increases that were replayed so far. */
  readonly #replayed = new Map<number, { last: number; sum: number }>();
  #times = 0;

  /**
   * Reads recorded changes of the device.
   *
   * @param isNewTime - whether the device made earlier changes at an earlier time
   */
  scan(offset: number, data: Buffer, isNewTime: boolean): void {
    if (isNewTime) this.#times++;
    for (let i = 0; i + 2 <= data.length; i += 2) {
      const value = data.readUInt16LE(i);
      const history = this.#histories.get(offset + i) ?? {
        ...{ changes: 0, last: 0, rises: true, total: 0 },
      };
      this.#histories.set(offset + i, history);
      const step = (value - history.last) & 0xffff;
      if (step === 0) continue;
      history.changes++;
      history.rises &&= step < 0x8000;
      history.total += step;
      history.last = value;
    }
  }

  /**
   * Passes to recorded changes that are replayed now.
   *
   * @returns for each index in the data, by its offset in the data: by how much the index can be
   *   larger
   */
  advance(offset: number, data: Buffer): ReadonlyMap<number, number> {
    const remaining = new Map<number, number>();
    for (let i = 0; i + 2 <= data.length; i += 2) {
      const history = this.#histories.get(offset + i);
      if (history?.rises !== true) continue;
      if (history.changes !== this.#times || this.#times < LEAST_CHANGES) continue;
      const { last, sum } = this.#replayed.get(offset + i) ?? { last: 0, sum: 0 };
      const value = data.readUInt16LE(i);
      const reached = sum + ((value - last) & 0xffff);
      this.#replayed.set(offset + i, { last: value, sum: reached });
      remaining.set(i, Math.min(history.total - reached, 0x7fff));
    }
    return remaining;
  }
}
