import { Releases } from '../../releases.js';

/**
 * A reference count. The count starts with one reference. When the last reference is released, the
 * release actions run.
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

/** Shared objects, with at most one object for each key. */
export class Registry<T extends RefCounted> {
  readonly #known = new Map<string, T>();

  /**
   * Acquires a reference to the object of a key. If the key has no object, calls `make` to create
   * the object. If `make` throws, acquire() runs the release actions that `make` has added.
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
