import { VfioError } from '../../../errors.js';
import type { Eventfd, EventSet } from '../../../contract/index.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { checkBoolean, checkFunction, checkInteger } from '../../../checks.js';
import { fail } from './errno.js';
import { mockEventfd, type EventfdWatcher, type MockEventfd } from './eventfd.js';
import type { Work } from './work.js';

const CAPACITY_MAX = 65536;
const S32_MAX = 2 ** 31 - 1;

interface Slot extends EventfdWatcher {
  readonly eventfd: MockEventfd;
  readonly counted: boolean;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

/**
 * A set of eventfds that are watched together. The event set is edge triggered, like an epoll file
 * with EPOLLET.
 */
export class MockEventSet implements EventSet {
  readonly fired: Uint32Array;
  readonly counts: BigUint64Array;
  readonly #work: Work;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #watched = new Set<MockEventfd>();
  /**
   * Slots whose eventfds were signalled since the last wake, in the order of the first signals.
   * Each slot is listed once.
   */
  readonly #ready = new Set<number>();
  readonly #lifetime = new Lifetime('the event set is closed');
  #onFired: ((n: number) => void) | null = null;
  #wake: NodeJS.Immediate | null = null;
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(capacity: number, work: Work) {
    checkInteger(capacity, 'capacity', 1, CAPACITY_MAX);
    this.fired = new Uint32Array(capacity);
    this.counts = new BigUint64Array(capacity);
    this.#work = work;
  }

  /**
   * @throws VfioError EEXIST if the slot or the eventfd is already in the event set, like
   *   epoll_ctl(2)
   */
  add(slot: number, eventfd: Eventfd, counted: boolean): void {
    this.#checkSlot(slot);
    checkBoolean(counted, 'counted');
    const watched = mockEventfd(eventfd);
    if (this.#slots[slot] !== undefined || this.#watched.has(watched)) fail('EEXIST', 'epoll_ctl');
    watched.resetCounter();
    const entry: Slot = {
      eventfd: watched,
      counted,
      signalled: () => {
        this.#ready.add(slot);
        this.#arm();
      },
      // The reference below keeps the file open while the eventfd is in the event set.
      closed: () => undefined,
    };
    watched.retain();
    watched.watch(entry);
    this.#watched.add(watched);
    this.#slots[slot] = entry;
  }

  remove(slot: number): void {
    this.#checkSlot(slot);
    this.#slots[slot]?.eventfd.resetCounter();
    this.#removeSlot(slot);
  }

  serve(onFired: (n: number) => void): void {
    checkFunction(onFired, 'onFired');
    this.#lifetime.check();
    this.pause();
    this.#onFired = onFired;
    this.#arm();
  }

  pause(): void {
    this.#lifetime.check();
    this.#stop();
  }

  /**
   * Runs the deferred work of mock devices until an eventfd of the event set is signalled. All mock
   * devices work in this thread. The call therefore sleeps only until the next delayed work is due.
   */
  wait(timeoutMs: number): number {
    checkInteger(timeoutMs, 'timeoutMs', -1, S32_MAX);
    const n = this.#poll(timeoutMs === -1 ? Infinity : timeoutMs);
    if (n === 0 && timeoutMs === -1) {
      throw new VfioError({
        code: 'EDEADLK',
        message: 'no device has pending work that could end this wait',
        syscall: 'epoll_wait',
        hint: 'Mock devices work in this thread: start device work first, or set a timeout.',
      });
    }
    return n;
  }

  spin(timeoutUs: number): number {
    checkInteger(timeoutUs, 'timeoutUs', 0, Number.MAX_SAFE_INTEGER);
    return this.#poll(timeoutUs / 1000);
  }

  ref(): void {
    this.#lifetime.check();
    if (this.#onFired !== null) this.#keepAlive ??= setInterval(() => undefined, S32_MAX);
  }

  unref(): void {
    this.#lifetime.check();
    this.#stopKeepAlive();
  }

  close(): void {
    if (!this.#lifetime.end()) return;
    this.#stop();
    for (const slot of this.#slots.keys()) this.#removeSlot(slot);
  }

  #removeSlot(slot: number): void {
    const entry = this.#slots[slot];
    if (entry === undefined) return;
    entry.eventfd.unwatch(entry);
    this.#watched.delete(entry.eventfd);
    this.#slots[slot] = undefined;
    this.#ready.delete(slot);
    entry.eventfd.release();
  }

  #arm(): void {
    if (this.#onFired === null || this.#ready.size === 0) return;
    this.#wake ??= setImmediate(() => {
      this.#wake = null;
      const n = this.#collect();
      if (n > 0) this.#onFired?.(n);
    });
  }

  #stop(): void {
    this.#onFired = null;
    if (this.#wake !== null) clearImmediate(this.#wake);
    this.#wake = null;
    this.#stopKeepAlive();
  }

  #stopKeepAlive(): void {
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    this.#keepAlive = null;
  }

  /**
   * Waits until an eventfd of the event set is signalled.
   *
   * @param ms - timeout in ms, or Infinity for no timeout
   */
  #poll(ms: number): number {
    this.#lifetime.check();
    if (this.#onFired !== null) {
      throw new TypeError('the event loop serves this event set: pause it first');
    }
    const end = performance.now() + ms;
    let n = this.#collect();
    while (n === 0) {
      if (!this.#work.run()) {
        const { wait } = this.#work;
        const left = end - performance.now();
        if (wait === null || left <= 0) break;
        sleep(Math.min(wait, left));
      }
      n = this.#collect();
    }
    return n;
  }

  #collect(): number {
    let n = 0;
    for (const slot of this.#ready) {
      const entry = this.#slots[slot];
      // The program may have read the eventfd after the signal.
      if (entry?.eventfd.readable !== true) continue;
      this.fired[n] = slot;
      this.counts[n] = entry.counted ? entry.eventfd.resetCounter() : 0n;
      n++;
    }
    this.#ready.clear();
    return n;
  }

  #checkSlot(slot: number): void {
    this.#lifetime.check();
    checkInteger(slot, 'slot', 0, this.fired.length - 1);
  }
}
