import type { VectorName } from '../format.js';
import { formatSeconds, formatTimes } from './finding.js';

/** A vector that was released later than this before the end of the program is still of interest. */
const RECENT = 1e9;
/** Shorter waits at the end of a program are normal, in nanoseconds. */
const MIN_WAIT = 100e6;

/** What happened to one vector so far. Times are in nanoseconds of CLOCK_MONOTONIC. */
export class VectorState {
  readonly name: VectorName;
  /** Whether the kernel masks the vector at each interrupt: INTx without an unmasking eventfd. */
  automasked: boolean;
  #bound: number | null = null;
  #released: number | null = null;
  /** The last wait of the program; its end is null while the program waits. */
  #wait: { readonly since: number; until: number | null } | null = null;
  #fired = 0;
  #lastFired = -Infinity;
  #lastDelivered = -Infinity;
  #lastUnmasked = -Infinity;
  #masked: { readonly at: number; readonly by: string } | null = null;

  constructor(name: VectorName) {
    this.name = name;
    this.automasked = name.irq === 'intx';
  }

  bind(at: number): void {
    this.#bound = at;
    this.#released = null;
  }

  release(at: number): void {
    this.#released = at;
  }

  beginWait(at: number): void {
    this.#wait = { since: at, until: null };
  }

  endWait(at: number): void {
    if (this.#wait !== null) this.#wait.until ??= at;
  }

  fire(at: number): void {
    this.#fired++;
    this.#lastFired = Math.max(this.#lastFired, at);
    // A trace can contain the unmask before the signal.
    if (this.automasked && at > this.#lastUnmasked) {
      this.mask(at, 'the kernel, because of the interrupt');
    }
  }

  deliver(at: number): void {
    this.#lastDelivered = at;
  }

  mask(at: number, by: string): void {
    this.#masked ??= { at, by };
  }

  unmask(at: number): void {
    this.#lastUnmasked = at;
    this.#masked = null;
  }

  /** Whether the program waits for the vector now. */
  get isAwaited(): boolean {
    const { irq } = this.name;
    return irq !== 'err' && irq !== 'req' && this.#wait !== null && this.#wait.until === null;
  }

  /** Whether the vector was bound at the end, or shortly before the end. */
  isOfInterest(end: number): boolean {
    const { irq } = this.name;
    if (irq === 'err' || irq === 'req' || this.#bound === null) return false;
    return this.#released === null || end - this.#released < RECENT;
  }

  /**
   * Whether the program waited for the vector, and no interrupt arrived.
   *
   * @param end - time of the end of the program
   * @param knowsWaits - whether the trace shows for which vectors the program waited
   */
  neverFired(end: number, knowsWaits: boolean): boolean {
    return this.#fired === 0 && this.waited(end, knowsWaits) >= MIN_WAIT;
  }

  /** Returns how long the program waited after the last delivery. */
  waited(end: number, knowsWaits: boolean): number {
    const wait = this.#wait ?? (knowsWaits ? null : { since: this.#bound ?? end, until: null });
    if (wait === null) return 0;
    const until = wait.until ?? this.#released ?? end;
    return until - Math.max(wait.since, this.#lastDelivered);
  }

  /**
   * Returns texts about a vector that fired.
   *
   * @param start - time of the start of the trace
   */
  describe(start: number, end: number, knowsWaits: boolean): string[] {
    if (this.#fired === 0) return [];
    const what = `${this.name.irq} ${this.name.vector}`;
    const last = formatSeconds(this.#lastFired - start);
    const ignored = (this.#released ?? end) - this.#lastFired;
    if (this.#lastFired > this.#lastDelivered && ignored > MIN_WAIT) {
      const time = formatSeconds(ignored);
      return [`${what} fired at ${last}, but the program did not run its listeners for ${time}`];
    }
    const waited = this.waited(end, knowsWaits);
    if (waited < MIN_WAIT) return [];
    return [
      `${what} fired ${formatTimes(this.#fired)}, the last time at ${last}, ` +
        `and was ${this.#wait === null ? 'bound' : 'awaited'} for ${formatSeconds(waited)} more`,
    ];
  }

  /** Returns a text if the vector is masked. */
  describeMask(start: number): string[] {
    if (this.#masked === null) return [];
    const { irq, vector } = this.name;
    const { at, by } = this.#masked;
    const since = formatSeconds(at - start);
    return [`${irq} ${vector} is masked since ${since} by ${by}, and was not unmasked`];
  }
}

/** Returns a text for vectors that never fired, for example `msix 0 to 5 never fired`. */
export function describeSilent(
  vectors: readonly VectorState[],
  end: number,
  knowsWaits: boolean,
): string[] {
  return groupNeighbours(vectors).map((group) => {
    const names = group.map(({ name }) => name);
    const [first, last] = [names[0], names.at(-1)];
    const range = first === last ? `${first?.vector}` : `${first?.vector} to ${last?.vector}`;
    const longest = Math.max(...group.map((one) => one.waited(end, knowsWaits)));
    const verb = `${first === last ? 'was' : 'were'} ${knowsWaits ? 'awaited' : 'bound'}`;
    return `${first?.irq} ${range} never fired, and ${verb} for ${formatSeconds(longest)}`;
  });
}

/** Groups the vectors of an interrupt index whose numbers follow each other. */
function groupNeighbours(vectors: readonly VectorState[]): VectorState[][] {
  const sorted = [...vectors].sort((a, b) => a.name.vector - b.name.vector);
  const groups: VectorState[][] = [];
  for (const vector of sorted) {
    const last = groups.at(-1)?.at(-1)?.name;
    if (last?.irq === vector.name.irq && last.vector + 1 === vector.name.vector) {
      groups.at(-1)?.push(vector);
    } else {
      groups.push([vector]);
    }
  }
  return groups;
}
