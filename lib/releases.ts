/** Releases of what was acquired so far. They run newest first. */
export class Releases {
  readonly #actions: (() => void)[] = [];

  add(release: () => void): void {
    this.#actions.push(release);
  }

  /** Runs every release once. A release that fails does not stop the others. */
  run(): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        action();
      } catch {
        // Nobody can handle the error of a release. A later one closes what this one left open.
      }
    }
  }
}
