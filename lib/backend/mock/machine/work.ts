import { checkInteger } from '../../../checks.js';
import type { DeviceClock } from '../../../contract/clock.js';

const MS_MAX = 2 ** 31 - 1;

interface Job {
  readonly owner: object;
  readonly due: number;
  readonly run: () => void;
}

/**
 * The clock of a mock device. The clock of the device runs with the clock of the process until
 * `stop()`.
 */
export interface Clock {
  /** Milliseconds. */
  readonly now: number;
  readonly stopped: boolean;
  /**
   * Stops the clock. While the clock is stopped, only {@link step} runs the deferred work of the
   * device.
   */
  stop(): void;
  /**
   * Advances a stopped clock. Runs the work that becomes due, in order of time.
   *
   * @param ms - milliseconds, from 0 to 2^31 - 1. Default: 0, which runs only the work that is
   *   already due.
   * @throws TypeError if the clock is not stopped
   */
  step(ms?: number): void;
  /** Starts a stopped clock again. The time continues from `now`. */
  start(): void;
}

/**
 * Deferred work of a device, and the clock of the device. Work that is due runs in the event loop,
 * after a read of a register, and while a program waits for interrupts. The mock has no threads of
 * its own.
 */
export class Work implements Clock, DeviceClock {
  /** Jobs, sorted by due time. */
  #jobs: readonly Job[] = [];
  #turn: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Difference in milliseconds between the clock of the process and this clock. */
  #behind = 0;
  #stoppedAt: number | null = null;

  get now(): number {
    return this.#stoppedAt ?? performance.now() - this.#behind;
  }

  get stopped(): boolean {
    return this.#stoppedAt !== null;
  }

  /** Defers work. @param ms - delay in milliseconds of this clock */
  defer(owner: object, run: () => void, ms = 0): void {
    const due = this.now + ms;
    const later = this.#jobs.findIndex((job) => job.due > due);
    const at = later < 0 ? this.#jobs.length : later;
    this.#jobs = [...this.#jobs.slice(0, at), { owner, due, run }, ...this.#jobs.slice(at)];
    this.#schedule();
  }

  after(ms: number, callback: () => void): () => void {
    const owner = {};
    this.defer(owner, callback, ms);
    return () => {
      this.drop(owner);
    };
  }

  /**
   * Runs the due jobs. If a running job defers a new job, the new job does not run in this call.
   *
   * @returns whether a job was due
   */
  run(): boolean {
    return this.#jobs.length > 0 && !this.stopped && this.#runUntil(this.now);
  }

  /**
   * Milliseconds until the next job is due. The value is null if there are no jobs, or if the clock
   * is stopped.
   */
  get wait(): number | null {
    const [next] = this.#jobs;
    return next === undefined || this.stopped ? null : Math.max(next.due - this.now, 0);
  }

  /** Drops all jobs of one owner. */
  drop(owner: object): void {
    this.#jobs = this.#jobs.filter((job) => job.owner !== owner);
    this.#schedule();
  }

  stop(): void {
    // The stopped clock shows an integer, so that steps of whole milliseconds add up without
    // rounding.
    this.#stoppedAt ??= Math.ceil(this.now);
    this.#schedule();
  }

  step(ms = 0): void {
    checkInteger(ms, 'ms', 0, MS_MAX);
    if (this.#stoppedAt === null) throw new TypeError('the clock is running: call stop() first');
    const end = this.#stoppedAt + ms;
    // The clock is set to the due time of a job before the job runs. A job can defer a further job.
    // If the further job is due in this step, the further job also runs in this step.
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
        // If a job throws, the remaining due jobs stay in the list for the next run.
        this.#jobs = [...due.slice(i + 1), ...this.#jobs];
        this.#schedule();
        throw error;
      }
    }
    this.#schedule();
    return due.length > 0;
  }

  /** Schedules a timer for the time when the first job is due. */
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
      // The deferred work of a device does not keep the process alive. A program that waits for
      // deferred work must keep the process alive itself.
      this.#timer = setTimeout(() => this.run(), Math.ceil(wait)).unref();
    }
  }
}
