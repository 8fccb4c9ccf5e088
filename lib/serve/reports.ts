import { VfioError } from '../errors.js';

/** The largest number of reports in one interval. */
const LIMIT = 10;
/** Length of an interval in ms. */
const INTERVAL = 1000;

/**
 * Reports errors that no reply can contain. A client can cause any number of errors, so further
 * errors of the same second are dropped.
 */
export class Reports {
  readonly #report: (error: Error) => void;
  #until = 0;
  #count = 0;

  constructor(report: (error: Error) => void) {
    this.#report = report;
  }

  add(error: unknown): void {
    const now = performance.now();
    if (now >= this.#until) {
      this.#until = now + INTERVAL;
      this.#count = 0;
    }
    if (this.#count++ < LIMIT) this.#report(error instanceof Error ? error : toVfioError(error));
  }
}

/** Converts an exception to the error of a reply. An exception of a trap or of a model is EIO. */
export function toVfioError(error: unknown): VfioError {
  if (error instanceof VfioError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new VfioError({ code: 'EIO', message, cause: error });
}
