/**
 * A list of functions. Each function releases a resource that the program has acquired. The
 * function that was added last runs first.
 */
export class Releases {
  readonly #actions: (() => void)[] = [];

  add(release: () => void): void {
    this.#actions.push(release);
  }

  /** Calls every function once. If one function throws, the other functions still run. */
  run(): void {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        action();
      } catch {
        // No caller can handle this error. The remaining functions still run.
      }
    }
  }
}
