/** Whether the tests run at full length. VFIO_TEST_FULL=1 selects full length. */
export const FULL = process.env.VFIO_TEST_FULL === '1';

/**
 * Seed of the random tests: an integer from 0 to 2^31 - 1. A short run always has the same seed, so
 * only a change of the code can make the short run fail. A full run takes its seed from the clock.
 * Each test prints its seed. To repeat a run, set VFIO_TEST_SEED to the printed seed.
 */
export const SEED = Number(process.env.VFIO_TEST_SEED ?? (FULL ? Date.now() & 0x7fff_ffff : 1));

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
