import type { Eventfd, EventSet } from '../../lib/contract/index.js';
import { type Script } from './fake-script.js';

export class FakeEventfd implements Eventfd {
  closed = false;
  pending = 0n;

  constructor(
    readonly script: Script,
    readonly fd: number,
  ) {}

  signal(count = 1n): void {
    this.pending += count;
  }

  read(): bigint {
    const count = this.pending;
    this.pending = 0n;
    return count;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.script.calls.push(`eventfd.close ${this.fd}`);
  }
}

/**
 * An event set that a test controls. `fire()` simulates the event loop, and `queue` contains the
 * wakes of a poller.
 */
export class FakeEventSet implements EventSet {
  readonly fired: Uint32Array;
  readonly counts: BigUint64Array;
  readonly slots = new Map<number, { eventfd: Eventfd; counted: boolean }>();
  readonly queue: (readonly [slot: number, count: bigint])[][] = [];
  served: ((n: number) => void) | null = null;
  referenced = false;
  closed = false;

  constructor(
    readonly script: Script,
    capacity: number,
  ) {
    this.fired = new Uint32Array(capacity);
    this.counts = new BigUint64Array(capacity);
  }

  add(slot: number, eventfd: Eventfd, counted: boolean): void {
    this.script.enter('set.add', slot, counted ? 'counted' : 'plain');
    if (slot >= this.fired.length) throw new RangeError('slot');
    if (this.slots.has(slot)) throw new Error(`slot ${slot} is in use`);
    this.slots.set(slot, { eventfd, counted });
  }

  remove(slot: number): void {
    this.script.enter('set.remove', slot);
    if (!this.slots.delete(slot)) throw new Error(`slot ${slot} is free`);
  }

  serve(onFired: (n: number) => void): void {
    this.script.enter('set.serve');
    this.served = onFired;
    this.referenced = false;
  }

  pause(): void {
    this.script.enter('set.pause');
    this.served = null;
  }

  wait(timeoutMs: number): number {
    this.script.enter('set.wait', timeoutMs);
    return this.#next();
  }

  spin(timeoutUs: number): number {
    this.script.enter('set.spin', timeoutUs);
    return this.#next();
  }

  ref(): void {
    this.script.enter('set.ref');
    this.referenced = true;
  }

  unref(): void {
    this.script.enter('set.unref');
    this.referenced = false;
  }

  close(): void {
    this.script.enter('set.close');
    this.closed = true;
    this.served = null;
  }

  /** Simulates one wake of the event loop, with one signal of each eventfd. */
  fire(...eventfds: readonly Eventfd[]): void {
    const n = this.#load(eventfds.map((eventfd) => [this.slotOf(eventfd), 1n]));
    this.served?.(n);
  }

  /** Simulates one wake of the event loop, with the given number of signals of each eventfd. */
  fireCounted(...events: readonly (readonly [Eventfd, bigint])[]): void {
    this.served?.(this.#load(events.map(([eventfd, count]) => [this.slotOf(eventfd), count])));
  }

  slotOf(eventfd: Eventfd): number {
    for (const [slot, entry] of this.slots) if (entry.eventfd === eventfd) return slot;
    throw new Error('not watched');
  }

  #next(): number {
    return this.#load(this.queue.shift() ?? []);
  }

  #load(events: readonly (readonly [slot: number, count: bigint])[]): number {
    for (const [i, [slot, count]] of events.entries()) {
      this.fired[i] = slot;
      this.counts[i] = count;
    }
    return events.length;
  }
}
