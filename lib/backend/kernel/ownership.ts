/** What has been taken on the way, to be given back newest first. */
export class Releases {
  readonly #actions: (() => void)[] = [];

  add(release: () => void): void {
    this.#actions.push(release);
  }

  /** Every action runs, once: what one of them cannot give back does not keep the others. */
  run(): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        action();
      } catch {
        // A release has nobody to tell: the file descriptors below it are closed all the same.
      }
    }
  }
}

/** Held by several; the last one to leave gives back what it stands on. */
export class Counted {
  #holders = 1;
  readonly #taken: Releases;

  constructor(taken: Releases) {
    this.#taken = taken;
  }

  retain(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#taken.run();
  }
}

/** What exists once a key, however many hold it. */
export class Registry<T extends Counted> {
  readonly #known = new Map<string, T>();

  /** Each call gives the caller one hold of it. `make` leaves nothing behind if it throws. */
  acquire(key: string, make: (taken: Releases) => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.retain();
      return known;
    }
    const taken = new Releases();
    try {
      taken.add(() => this.#known.delete(key));
      const made = make(taken);
      this.#known.set(key, made);
      return made;
    } catch (error) {
      taken.run();
      throw error;
    }
  }
}
