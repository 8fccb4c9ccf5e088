/** Functions that release the acquired resources. The newest function runs first. */
export class Releases {
  readonly #actions: (() => void)[] = [];

  add(release: () => void): void {
    this.#actions.push(release);
  }

  /** Runs every release once. If a release fails, the other releases still run. */
  run(): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        action();
      } catch {
        // No caller can handle the error of a release. The releases that follow still run.
      }
    }
  }
}
