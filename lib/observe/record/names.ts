/** Names the objects of a script: `e1`, `e2` and so on. */
export class Names<T extends object> {
  readonly #prefix: string;
  readonly #known = new WeakMap<T, string>();
  #last = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Returns the name of an object. The first call for an object assigns the name. */
  nameOf(object: T): string {
    let name = this.#known.get(object);
    if (name === undefined) this.#known.set(object, (name = `${this.#prefix}${++this.#last}`));
    return name;
  }
}
