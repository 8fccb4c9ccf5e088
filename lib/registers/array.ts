import { checkInteger } from '../checks.js';
import type { RegisterDefinition } from './definition.js';
import type { RegisterAccessor } from './register.js';

/** Creates a {@link RegisterArray}. */
export let createArray: <D extends RegisterDefinition>(
  name: string,
  length: number,
  create: (index: number) => RegisterAccessor<D>,
) => RegisterArray<D>;

/** An array of equal registers. */
export class RegisterArray<D extends RegisterDefinition = RegisterDefinition> {
  /** Number of registers. */
  readonly length: number;
  /** Describes an index, for errors. */
  readonly #what: string;
  readonly #create: (index: number) => RegisterAccessor<D>;
  readonly #created: RegisterAccessor<D>[] = [];

  static {
    createArray = (name, length, create) => new RegisterArray(name, length, create);
  }

  private constructor(
    name: string,
    length: number,
    create: (index: number) => RegisterAccessor<D>,
  ) {
    this.#what = `the index of register ${name}`;
    this.length = length;
    this.#create = create;
  }

  /**
   * Returns a register of the array.
   * @param index - 0 to `length - 1`
   * @throws RangeError if the array has no such register
   */
  at(index: number): RegisterAccessor<D> {
    checkInteger(index, this.#what, 0, this.length - 1);
    return (this.#created[index] ??= this.#create(index));
  }
}
