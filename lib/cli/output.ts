import { printable } from '../printable.js';

const controller = new AbortController();

/**
 * Aborted when a write to standard output fails: the reader has ended (`vfio … | head`), or the
 * disk is full.
 */
export const outputClosed: AbortSignal = controller.signal;

/** Whether an error comes from a write to a pipe that has no reader. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** Whether an error comes from a write to a terminal whose window was closed. */
function isClosedTerminal(error: Error): boolean {
  return process.stdout.isTTY && 'code' in error && error.code === 'EIO';
}

let failure: Error | undefined;

/**
 * Returns the error of a failed write to standard output. A closed pipe or terminal is not a
 * failure.
 */
export function outputError(): Error | undefined {
  return failure;
}

/**
 * Aborts {@link outputClosed} when standard output is closed or when a write to standard output
 * fails. The first failure is reported in one line and sets the exit code to 1.
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
