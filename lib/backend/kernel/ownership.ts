/** Release actions of acquired resources. The newest runs first. */
export class Releases {
  readonly #actions: (() => void)[] = [];

  add(release: () => void): void {
    this.#actions.push(release);
  }

  /** Runs every action once. If one action fails, the others still run. */
  run(): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        action();
      } catch {
        // No caller can act on this error, and the actions that follow still close everything.
      }
    }
  }
}

/** A reference count. The last release runs the release actions. Starts with one reference. */
export class RefCounted {
  #references = 1;
  readonly #releases: Releases;

  constructor(releases: Releases) {
    this.#releases = releases;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.#releases.run();
  }
}

/** Shared objects: at most one for each key. */
export class Registry<T extends RefCounted> {
  readonly #known = new Map<string, T>();

  /**
   * Acquires a reference to the object of a key, and makes the object if there is none. If `make`
   * throws, the release actions that it added run.
   */
  acquire(key: string, make: (releases: Releases) => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.retain();
      return known;
    }
    const releases = new Releases();
    try {
      releases.add(() => this.#known.delete(key));
      const made = make(releases);
      this.#known.set(key, made);
      return made;
    } catch (error) {
      releases.run();
      throw error;
    }
  }
}
