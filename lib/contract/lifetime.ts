import { VfioError } from '../errors.js';

/** Whether an object is open, and the error of every use after its `close()`: EBADF. */
export class Lifetime {
  readonly #message: string;
  readonly #path: string | undefined;
  #open = true;
  #hint: string | undefined;

  /**
   * @param message - text of the error: `'the eventfd is closed'`
   * @param path - name of the device, for the error
   */
  constructor(message: string, path?: string) {
    this.#message = message;
    this.#path = path;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** @throws {@link VfioError} EBADF after {@link end} */
  check(): void {
    if (!this.#open) throw this.error();
  }

  /**
   * Ends the lifetime. Idempotent: the first hint stays.
   *
   * @param hint - why the object was closed, if the program did not close it
   * @returns whether the object was open
   */
  end(hint?: string): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#hint = hint;
    return true;
  }

  /** The error of a use after {@link end}. */
  error(): VfioError {
    return new VfioError({
      code: 'EBADF',
      message: this.#message,
      path: this.#path,
      hint: this.#hint,
    });
  }
}
