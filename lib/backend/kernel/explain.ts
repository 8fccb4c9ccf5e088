import { VfioError } from '../../errors.js';

export type Hint = (error: VfioError) => string | undefined;

/** A failure of the system with the file it was about and what to do; others as they are. */
export function explain(error: unknown, path: string, hint?: Hint): unknown {
  if (!(error instanceof VfioError)) return error;
  if (error.path !== undefined && error.hint !== undefined) return error;
  return error.with({ path, hint: hint?.(error) });
}

/** Runs a step so that its failure is explained. */
export function explained<T>(path: string, run: () => T, hint?: Hint): T {
  try {
    return run();
  } catch (error) {
    throw explain(error, path, hint);
  }
}
