import test from 'ava';
import { FULL } from './full.js';

/**
 * Declares a test that runs only at full length. A short run skips the test. The full-length tests of
 * a file run one after another.
 */
export const fullTest = FULL ? test.serial : test.skip;
