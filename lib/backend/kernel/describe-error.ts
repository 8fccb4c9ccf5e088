import { VfioError } from '../../errors.js';

/** Returns the hint for an error, or undefined if there is none. */
export type HintFor = (error: VfioError) => string | undefined;

/** Adds a path and a hint to a VfioError. Returns any other error unchanged. */
export function describeError(error: unknown, path: string, hint?: HintFor): unknown {
  if (!(error instanceof VfioError)) return error;
  if (error.path !== undefined && error.hint !== undefined) return error;
  return error.with({ path, hint: hint?.(error) });
}

/** Makes a call. If the call fails with a VfioError, adds the path and the hint to it. */
export function callWithPath<T>(path: string, run: () => T, hint?: HintFor): T {
  try {
    return run();
  } catch (error) {
    throw describeError(error, path, hint);
  }
}
