/** Measures the timeout of a wait: the clock of the process, or the clock of a mock device. */
export interface DeviceClock {
  /** Milliseconds. */
  readonly now: number;
  /**
   * Calls a function once, when this clock has advanced.
   * @param ms - milliseconds
   * @returns a function that cancels the call
   */
  after(ms: number, callback: () => void): () => void;
}

/** The clock of the process. */
export const processClock: DeviceClock = {
  get now() {
    return performance.now();
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};
