/** The error of a wait that an AbortSignal ended. Node's own functions reject with the same error. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';
}

/**
 * Returns the error of an aborted wait, with the reason of the signal as its cause. The reason
 * need not be an Error, and test runners refuse a rejection with another value.
 */
export function abortError(signal: AbortSignal): Error {
  return new AbortError('The operation was aborted', { cause: signal.reason });
}
