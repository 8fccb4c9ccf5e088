import { Releases } from '../../releases.js';

/**
 * A reference count. The count starts with one reference. The last release runs the release
 * actions.
 */
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
   * Acquires a reference to the object of a key. If the key has no object, makes the object. If
   * `make` throws, the release actions that `make` added run.
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
