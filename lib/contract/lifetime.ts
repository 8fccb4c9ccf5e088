import { VfioError } from '../errors.js';

/** Records whether an object is open. Every use of a closed object fails with EBADF. */
export class Lifetime {
  readonly #message: string;
  readonly #path: string | undefined;
  #open = true;
  #hint: string | undefined;

  /**
   * @param message - the text of the error, for example `'the eventfd is closed'`
   * @param path - the device name for the error
   */
  constructor(message: string, path?: string) {
    this.#message = message;
    this.#path = path;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Checks that the object is open.
   * @throws {@link VfioError} EBADF if {@link end} was called before
   */
  check(): void {
    if (!this.#open) throw this.error();
  }

  /**
   * Marks the object as closed. Idempotent: a later call does not change the hint.
   *
   * @param hint - the hint of later EBADF errors, if the library closes the object on its own
   * @returns whether the object was open before the call
   */
  end(hint?: string): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#hint = hint;
    return true;
  }

  /** Returns the error for the use of a closed object. */
  error(): VfioError {
    return new VfioError({
      code: 'EBADF',
      message: this.#message,
      path: this.#path,
      hint: this.#hint,
    });
  }
}
