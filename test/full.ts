/** Whether the tests run at full length: VFIO_TEST_FULL=1. */
export const FULL = process.env.VFIO_TEST_FULL === '1';

/** Size of a property test over sequences of commands. */
export interface Runs {
  readonly numRuns: number;
  readonly maxCommands: number;
}

/** Number and length of the sequences: thousands of commands, or above 100,000 at full length. */
export const RUNS: Runs = FULL
  ? { numRuns: 2500, maxCommands: 200 }
  : { numRuns: 100, maxCommands: 100 };

/** Commands that a run must execute at least. */
export const COMMANDS_EXPECTED = FULL ? 100_000 : 1_000;
