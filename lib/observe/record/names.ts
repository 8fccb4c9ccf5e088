/** Names for things that a script speaks of. */
export class Names<T extends object> {
  readonly #prefix: string;
  readonly #known = new WeakMap<T, string>();
  #last = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Given on first use. */
  of(thing: T): string {
    let name = this.#known.get(thing);
    if (name === undefined) this.#known.set(thing, (name = this.next()));
    return name;
  }

  /** One that nothing has. */
  next(): string {
    return `${this.#prefix}${++this.#last}`;
  }
}
