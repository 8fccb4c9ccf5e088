const controller = new AbortController();

/** Aborted when whoever reads our output has seen enough, as in `vfio … | head`. */
export const readerGone: AbortSignal = controller.signal;

export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** A reader that went is no failure: what must be finished is finished, in silence. */
export function expectReaderToGo(): void {
  process.stdout.on('error', (error) => {
    if (!isClosedPipe(error)) throw error;
    controller.abort();
  });
}
