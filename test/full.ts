/** Whether the run is the long one: VFIO_TEST_FULL=1. */
export const FULL = process.env.VFIO_TEST_FULL === '1';

/** Parameters of a property over sequences of commands. */
export interface Runs {
  readonly numRuns: number;
  readonly maxCommands: number;
}

/** How many sequences, and how long: some thousands of commands, or well above 100,000. */
export const RUNS: Runs = FULL
  ? { numRuns: 2500, maxCommands: 200 }
  : { numRuns: 100, maxCommands: 100 };

/** Commands that a full run must have executed. */
export const COMMANDS_EXPECTED = FULL ? 100_000 : 1_000;
