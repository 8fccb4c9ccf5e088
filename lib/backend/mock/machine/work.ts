import { checkInteger } from '../../../checks.js';

const MS_MAX = 2 ** 31 - 1;

interface Job {
  readonly owner: object;
  readonly due: number;
  readonly run: () => void;
}

/** The clock of a mock device. It runs with the clock of the process until it is stopped. */
export interface Clock {
  /** Milliseconds. */
  readonly now: number;
  readonly stopped: boolean;
  /** Stops the clock. The device then does deferred work in {@link step} alone. */
  stop(): void;
  /**
   * Advances a stopped clock and does the work that becomes due, in order.
   *
   * @param ms - milliseconds, 0 to 2^31 - 1; 0, the default, does the work without a delay
   * @throws TypeError if the clock is not stopped
   */
  step(ms?: number): void;
  /** Starts a stopped clock again; the time goes on from `now`. */
  start(): void;
}

/**
 * Deferred work of devices, and its clock. Due work runs in the event loop, after a read of a
 * register, and while a program waits for interrupts. There is no other thread.
 */
export class Work implements Clock {
  /** Jobs by the time they are due. */
  #jobs: readonly Job[] = [];
  #turn: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Milliseconds by which this clock is behind the clock of the process. */
  #behind = 0;
  #stoppedAt: number | null = null;

  get now(): number {
    return this.#stoppedAt ?? performance.now() - this.#behind;
  }

  get stopped(): boolean {
    return this.#stoppedAt !== null;
  }

  /** Defers work. @param ms - delay by this clock */
  defer(owner: object, run: () => void, ms = 0): void {
    const due = this.now + ms;
    const later = this.#jobs.findIndex((job) => job.due > due);
    const at = later < 0 ? this.#jobs.length : later;
    this.#jobs = [...this.#jobs.slice(0, at), { owner, due, run }, ...this.#jobs.slice(at)];
    this.#schedule();
  }

  /** Runs the due jobs, but not those that they defer. @returns whether a job was due */
  run(): boolean {
    return this.#jobs.length > 0 && !this.stopped && this.#runUntil(this.now);
  }

  /** Milliseconds until the next job is due; null without jobs and while the clock is stopped. */
  get wait(): number | null {
    const [next] = this.#jobs;
    return next === undefined || this.stopped ? null : Math.max(next.due - this.now, 0);
  }

  /** Drops the jobs of an owner. */
  drop(owner: object): void {
    this.#jobs = this.#jobs.filter((job) => job.owner !== owner);
    this.#schedule();
  }

  stop(): void {
    // Steps of whole milliseconds add up exactly.
    this.#stoppedAt ??= Math.ceil(this.now);
    this.#schedule();
  }

  step(ms = 0): void {
    checkInteger(ms, 'ms', 0, MS_MAX);
    if (this.#stoppedAt === null) throw new TypeError('the clock runs: call stop() first');
    const end = this.#stoppedAt + ms;
    // Each job runs at its own time, as do jobs that it defers into this step.
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
    this.#schedule();
  }

  #runUntil(now: number): boolean {
    const later = this.#jobs.findIndex((job) => job.due > now);
    const due = later < 0 ? this.#jobs : this.#jobs.slice(0, later);
    this.#jobs = this.#jobs.slice(due.length);
    for (const [i, { run }] of due.entries()) {
      try {
        run();
      } catch (error) {
        // The remaining due jobs stay for the next run.
        this.#jobs = [...due.slice(i + 1), ...this.#jobs];
        this.#schedule();
        throw error;
      }
    }
    this.#schedule();
    return due.length > 0;
  }

  /** Schedules a run for the time when the first job is due. */
  #schedule(): void {
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
        this.#schedule();
      });
    } else {
      // Work of a device keeps no process alive. A program that waits for it does that itself.
      this.#timer = setTimeout(() => this.run(), Math.ceil(wait)).unref();
    }
  }
}
