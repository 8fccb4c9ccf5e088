import { VfioError } from '../errors.js';

/** Tracks whether an object is open. Every use of a closed object fails with EBADF. */
export class Lifetime {
  readonly #message: string;
  readonly #path: string | undefined;
  #open = true;
  #hint: string | undefined;

  /**
   * @param message - text of the error, such as `'the eventfd is closed'`
   * @param path - name of the device for the error
   */
  constructor(message: string, path?: string) {
    this.#message = message;
    this.#path = path;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Checks that the object is open. @throws {@link VfioError} EBADF after {@link end} */
  check(): void {
    if (!this.#open) throw this.error();
  }

  /**
   * Marks the object as closed. Idempotent: a later call does not change the hint.
   *
   * @param hint - why the object was closed, if the program did not close it
   * @returns whether the object was open before the call
   */
  end(hint?: string): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#hint = hint;
    return true;
  }

  /** Returns the error for a use after {@link end}. */
  error(): VfioError {
    return new VfioError({
      code: 'EBADF',
      message: this.#message,
      path: this.#path,
      hint: this.#hint,
    });
  }
}
