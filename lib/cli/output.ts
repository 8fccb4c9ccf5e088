const controller = new AbortController();

/** Aborted when whoever reads our output has seen enough, as in `vfio … | head`. */
export const readerGone: AbortSignal = controller.signal;

export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** What writing to a terminal says whose window was closed. */
function isClosedTerminal(error: Error): boolean {
  return process.stdout.isTTY && 'code' in error && error.code === 'EIO';
}

/** A reader that went is no failure: what must be finished is finished, in silence. */
export function expectReaderToGo(): void {
  process.stdout.on('error', (error: Error) => {
    if (!isClosedPipe(error) && !isClosedTerminal(error)) throw error;
    controller.abort();
  });
}
