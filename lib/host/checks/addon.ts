import { VfioError } from '../../errors.js';
import { native } from '../../native/binding.js';
import { type Check, ok, problem } from './finding.js';

/**
 * Checks that the native addon can be loaded. Without the addon, only mock devices can be opened.
 */
export const addon: Check = () => {
  try {
    native();
    return [ok('addon', 'loads')];
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    return [problem('addon', error.message.slice(`${error.code}: `.length), error.hint)];
  }
};
