import test from 'ava';
import { FULL } from './full.js';

/**
 * Declares a test that runs at full length only, after the other such tests of the file. Without
 * full length, the test is skipped.
 */
export const fullTest = FULL ? test.serial : test.skip;
