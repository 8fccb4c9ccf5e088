import { checkInstance, checkInteger, checkOptions } from '../checks.js';

const TIMEOUT_MAX = 2 ** 31 - 1;

/** How long a wait lasts. */
export interface WaitOptions {
  /** Milliseconds, from 0 to 2^31 - 1. Default: no limit. */
  readonly timeout?: number | undefined;
  /** Ends the wait. The promise rejects with an AbortError whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks the options of a wait.
 *
 * @param more - names of additional options that are allowed
 */
export function checkWaitOptions(options: WaitOptions, more: readonly string[] = []): void {
  checkOptions(options, ['timeout', 'signal', ...more]);
  const { timeout, signal } = options;
  if (timeout !== undefined) checkInteger(timeout, 'timeout', 0, TIMEOUT_MAX);
  if (signal !== undefined) checkInstance(signal, 'signal', AbortSignal);
}
