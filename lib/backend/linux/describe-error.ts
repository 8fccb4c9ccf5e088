import { VfioError } from '../../errors.js';

/** Returns the hint for an error, or undefined if there is no hint. */
export type HintFor = (error: VfioError) => string | undefined;

/** Adds a path and a hint to a VfioError. Returns an error of another class unchanged. */
export function describeError(error: unknown, path: string, hint?: HintFor): unknown {
  if (!(error instanceof VfioError)) return error;
  if (error.path !== undefined && error.hint !== undefined) return error;
  return error.with({ path, hint: hint?.(error) });
}

/** Makes a call. If the call fails with a VfioError, adds the path and the hint to the error. */
export function callWithPath<T>(path: string, run: () => T, hint?: HintFor): T {
  try {
    return run();
  } catch (error) {
    throw describeError(error, path, hint);
  }
}
