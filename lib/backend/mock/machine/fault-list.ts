import { checkInteger } from '../../../checks.js';

const COUNT_MAX = 2 ** 32 - 1;

/** The events that a fault affects: the events `nth` to `nth + times - 1`, counted from now. */
export interface FaultCount {
  /** Number of the first affected event, counted from now, 1 to 2^32 - 1. Default: 1. */
  readonly nth?: number | undefined;
  /** Number of affected events, 1 to 2^32 - 1, or Infinity for all further events. Default: 1. */
  readonly times?: number | undefined;
}

interface Entry<T> {
  readonly fault: T;
  /** Number of events before the first affected event. */
  before: number;
  /** Number of further events that the fault affects. */
  left: number;
}

/** Faults that a test injects, each into some of the coming events. */
export class FaultList<T> {
  #entries: Entry<T>[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(fault: T, { nth = 1, times = 1 }: FaultCount): void {
    checkInteger(nth, 'nth', 1, COUNT_MAX);
    if (times !== Infinity) checkInteger(times, 'times', 1, COUNT_MAX);
    this.#entries.push({ fault, before: nth - 1, left: times });
  }

  /** Counts an event. Returns the first fault that affects the event. */
  take(concerns: (fault: T) => boolean): T | undefined {
    return this.#count(concerns, 1)[0];
  }

  /** Counts an event. Returns all faults that affect the event, in the order of `add`. */
  takeAll(concerns: (fault: T) => boolean): T[] {
    return this.#count(concerns, Infinity);
  }

  clear(): void {
    this.#entries = [];
  }

  #count(concerns: (fault: T) => boolean, most: number): T[] {
    const due: Entry<T>[] = [];
    for (const entry of this.#entries) {
      if (!concerns(entry.fault)) continue;
      if (entry.before > 0) entry.before--;
      else if (due.length < most) due.push(entry);
    }
    if (due.length === 0) return [];
    for (const entry of due) entry.left--;
    this.#entries = this.#entries.filter(({ left }) => left > 0);
    return due.map(({ fault }) => fault);
  }
}
