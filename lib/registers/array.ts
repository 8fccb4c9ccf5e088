import { checkInteger } from '../checks.js';
import type { RegisterAccessor } from './register.js';

/** Creates a {@link RegisterArray}. @param what - describes an index, for errors */
export let createArray: <A>(
  what: string,
  length: number,
  create: (index: number) => A,
) => RegisterArray<A>;

/** An array of equal registers, or of equal blocks of registers. */
export class RegisterArray<A = RegisterAccessor> {
  /** Number of elements. */
  readonly length: number;
  readonly #what: string;
  readonly #create: (index: number) => A;
  readonly #created: A[] = [];

  static {
    createArray = (what, length, create) => new RegisterArray(what, length, create);
  }

  private constructor(what: string, length: number, create: (index: number) => A) {
    this.#what = what;
    this.length = length;
    this.#create = create;
  }

  /**
   * Returns a register or a block of the array.
   * @param index - 0 to `length - 1`
   * @throws RangeError if the array has no such element
   */
  at(index: number): A {
    const created = typeof index === 'number' ? this.#created[index] : undefined;
    if (created !== undefined) return created;
    checkInteger(index, this.#what, 0, this.length - 1);
    return (this.#created[index] = this.#create(index));
  }
}
