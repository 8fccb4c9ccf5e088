import { printable } from '../printable.js';

const controller = new AbortController();

/**
 * A signal that is aborted when a write to standard output fails. The cause can be a reader that
 * has ended (`vfio … | head`) or a full disk.
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
 * Returns the error of the first failed write to standard output, or undefined. A write to a closed
 * pipe or a closed terminal does not count as a failure.
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
  // A failed write to standard error cannot be reported.
  process.stderr.on('error', () => {
    controller.abort();
  });
}
