import { printable } from '../printable.js';

const controller = new AbortController();

/** Aborted when standard output fails: the reader ended, as in `vfio … | head`, or the disk is full. */
export const outputClosed: AbortSignal = controller.signal;

/** Whether an error is that of a write to a pipe without a reader. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** Whether an error is that of a write to a terminal whose window was closed. */
function isClosedTerminal(error: Error): boolean {
  return process.stdout.isTTY && 'code' in error && error.code === 'EIO';
}

let failure: Error | undefined;

/** Returns the error with which standard output failed; a closed output is not a failure. */
export function outputError(): Error | undefined {
  return failure;
}

/**
 * Aborts {@link outputClosed} when standard output is closed or fails. The first failure is
 * reported in one line, and makes the exit code 1.
 */
export function handleOutputErrors(): void {
  process.stdout.on('error', (error: Error) => {
    if (!isClosedPipe(error) && !isClosedTerminal(error) && failure === undefined) {
      failure = error;
      process.exitCode = 1;
      console.error(`vfio: standard output: ${printable(error.message)}`);
    }
    controller.abort();
  });
  // A failure of standard error cannot be reported anywhere.
  process.stderr.on('error', () => {
    controller.abort();
  });
}
