/**
 * What devices have yet to do. It is done on the next turn of the event loop, when a register is
 * read, or when somebody waits for it: there is no other thread that could do it meanwhile.
 */
export class Work {
  readonly #jobs: { readonly owner: object; readonly run: () => void }[] = [];
  #turn: NodeJS.Immediate | null = null;

  defer(owner: object, run: () => void): void {
    this.#jobs.push({ owner, run });
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.run();
    });
  }

  /** Does what there is by now; what it leads to is for the next time. @returns if it was any */
  run(): boolean {
    if (this.#jobs.length === 0) return false;
    const jobs = this.#jobs.splice(0);
    for (const { run } of jobs) run();
    return true;
  }

  /** Forgets the work of a device that is gone. */
  drop(owner: object): void {
    const others = this.#jobs.filter((job) => job.owner !== owner);
    this.#jobs.splice(0, this.#jobs.length, ...others);
  }
}
