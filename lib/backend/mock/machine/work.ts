import { checkInteger } from '../../../checks.js';

const MS_MAX = 2 ** 31 - 1;

interface Job {
  readonly owner: object;
  readonly due: number;
  readonly run: () => void;
}

/** The time that an imitated device goes by: that of the process, until it is stopped. */
export interface Clock {
  /** Milliseconds. */
  readonly now: number;
  readonly stopped: boolean;
  /** From now on nothing happens in the device by itself, but with {@link step}. */
  stop(): void;
  /**
   * Lets time pass at once, and does in it what is due, in its order.
   *
   * @param ms - 0 to 2^31 - 1; 0, the default, does what was deferred without a delay
   * @throws TypeError if the clock is not stopped
   */
  step(ms?: number): void;
  /** Lets it run again, from where it is. */
  start(): void;
}

/**
 * What devices have yet to do, and the clock that it goes by. It is done when the event loop gets
 * there, when a register is read, or when somebody waits for it: there is no other thread that
 * could do it meanwhile.
 */
export class Work implements Clock {
  /** In the order they are due. */
  #jobs: readonly Job[] = [];
  #turn: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** What the process's clock is ahead. */
  #behind = 0;
  #stoppedAt: number | null = null;

  get now(): number {
    return this.#stoppedAt ?? performance.now() - this.#behind;
  }

  get stopped(): boolean {
    return this.#stoppedAt !== null;
  }

  /** @param ms - how long it takes */
  defer(owner: object, run: () => void, ms = 0): void {
    const due = this.now + ms;
    const later = this.#jobs.findIndex((job) => job.due > due);
    const at = later < 0 ? this.#jobs.length : later;
    this.#jobs = [...this.#jobs.slice(0, at), { owner, due, run }, ...this.#jobs.slice(at)];
    this.#arm();
  }

  /** Does what is due by now; what it leads to is for the next time. @returns if it was any */
  run(): boolean {
    return this.#jobs.length > 0 && !this.stopped && this.#runUntil(this.now);
  }

  /** Milliseconds until something is due; null if nothing will be by itself. */
  get wait(): number | null {
    const [next] = this.#jobs;
    return next === undefined || this.stopped ? null : Math.max(next.due - this.now, 0);
  }

  /** Forgets the work of a device that is gone. */
  drop(owner: object): void {
    this.#jobs = this.#jobs.filter((job) => job.owner !== owner);
    this.#arm();
  }

  stop(): void {
    // Whole milliseconds add up exactly.
    this.#stoppedAt ??= Math.ceil(this.now);
    this.#arm();
  }

  step(ms = 0): void {
    checkInteger(ms, 'ms', 0, MS_MAX);
    if (this.#stoppedAt === null) throw new TypeError('the clock runs: stop() it first');
    const end = this.#stoppedAt + ms;
    // Each at its time, and what it leads to as well.
    for (let next = this.#jobs[0]; next !== undefined && next.due <= end; next = this.#jobs[0]) {
      this.#stoppedAt = Math.max(next.due, this.#stoppedAt);
      this.#runUntil(this.#stoppedAt);
    }
    this.#stoppedAt = end;
  }

  start(): void {
    if (this.#stoppedAt === null) return;
    this.#behind = performance.now() - this.#stoppedAt;
    this.#stoppedAt = null;
    this.#arm();
  }

  #runUntil(now: number): boolean {
    const later = this.#jobs.findIndex((job) => job.due > now);
    const due = later < 0 ? this.#jobs : this.#jobs.slice(0, later);
    this.#jobs = this.#jobs.slice(due.length);
    for (const [i, { run }] of due.entries()) {
      try {
        run();
      } catch (error) {
        // The others are done all the same.
        this.#jobs = [...due.slice(i + 1), ...this.#jobs];
        this.#arm();
        throw error;
      }
    }
    this.#arm();
    return due.length > 0;
  }

  /** Comes back with the next turn of the event loop, or when the first is due. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { wait } = this;
    if (wait === null) {
      if (this.#turn !== null) clearImmediate(this.#turn);
      this.#turn = null;
    } else if (wait === 0) {
      this.#turn ??= setImmediate(() => {
        this.#turn = null;
        this.run();
        this.#arm();
      });
    } else {
      // What a device will do keeps no process alive; who waits for it does.
      this.#timer = setTimeout(() => this.run(), Math.ceil(wait)).unref();
    }
  }
}
