/** Whether the tests run at full length. VFIO_TEST_FULL=1 selects full length. */
export const FULL = process.env.VFIO_TEST_FULL === '1';

/** Size of a property test that runs random sequences of commands. */
export interface Runs {
  readonly numRuns: number;
  readonly maxCommands: number;
}

/**
 * Number and length of the command sequences. A test runs thousands of commands, or more than
 * 100,000 commands at full length.
 */
export const RUNS: Runs = FULL
  ? { numRuns: 2500, maxCommands: 200 }
  : { numRuns: 100, maxCommands: 100 };

/** Minimum number of commands that a test run must execute. */
export const COMMANDS_EXPECTED = FULL ? 100_000 : 1_000;
