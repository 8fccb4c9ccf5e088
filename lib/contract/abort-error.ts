/** The error of a wait that an AbortSignal ended. Node's own functions reject with the same error. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';
}

/**
 * Returns the error of an aborted wait, with the reason of the signal as its cause. The reason itself
 * is no Error if the caller of `abort()` passes another value, and test runners refuse such values.
 */
export function abortError(signal: AbortSignal): Error {
  return new AbortError('The operation was aborted', { cause: signal.reason });
}
