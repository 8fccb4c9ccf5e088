const controller = new AbortController();

/** Aborted when the reader of standard output ends, as in `vfio … | head`. */
export const outputClosed: AbortSignal = controller.signal;

/** Whether an error is that of a write to a pipe without a reader. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** Whether an error is that of a write to a terminal whose window was closed. */
function isClosedTerminal(error: Error): boolean {
  return process.stdout.isTTY && 'code' in error && error.code === 'EIO';
}

/** Aborts {@link outputClosed} when standard output is closed, which is not a failure. */
export function handleClosedOutput(): void {
  process.stdout.on('error', (error: Error) => {
    if (!isClosedPipe(error) && !isClosedTerminal(error)) throw error;
    controller.abort();
  });
}
