import type { Handle, Native } from '../../native/binding.js';
import type { Eventfd, EventSet } from '../../contract/index.js';
import { Lifetime } from '../../contract/lifetime.js';
import { checkBoolean, checkFunction, checkInteger } from '../../checks.js';
import { fdOf } from './eventfd.js';

const CAPACITY_MAX = 65536;
const S32_MAX = 2 ** 31 - 1;

/**
 * The event sets that the event loop serves. Without this reference, the garbage collector would
 * close an event set that the program does not keep.
 */
const served = new Set<KernelEventSet>();

/** One epoll file that watches all eventfds of a device, implemented in native code. */
export class KernelEventSet implements EventSet {
  readonly fired: Uint32Array;
  readonly counts: BigUint64Array;
  readonly #native: Native;
  readonly #lifetime = new Lifetime('the event set is closed');
  readonly #capacity: number;
  #handle: Handle<'eventSet'> | null;

  /** @param observed - number of slots after `capacity` for files that {@link observe} watches */
  constructor(native: Native, capacity: number, observed = 0) {
    checkInteger(capacity, 'capacity', 1, CAPACITY_MAX);
    this.#capacity = capacity;
    this.fired = new Uint32Array(capacity + observed);
    this.counts = new BigUint64Array(capacity + observed);
    this.#native = native;
    this.#handle = native.eventSetCreate(this.fired, this.counts);
  }

  add(slot: number, eventfd: Eventfd, counted: boolean): void {
    this.#checkSlot(slot);
    checkBoolean(counted, 'counted');
    this.#native.eventSetAdd(this.#openHandle(), slot, fdOf(eventfd), counted);
  }

  remove(slot: number): void {
    this.#checkSlot(slot);
    this.#native.eventSetRemove(this.#openHandle(), slot);
  }

  serve(onFired: (n: number) => void): void {
    checkFunction(onFired, 'onFired');
    this.#native.eventSetServe(this.#openHandle(), onFired);
    served.add(this);
  }

  pause(): void {
    this.#native.eventSetPause(this.#openHandle());
    served.delete(this);
  }

  wait(timeoutMs: number): number {
    checkInteger(timeoutMs, 'timeoutMs', -1, S32_MAX);
    return this.#native.eventSetWait(this.#pausedHandle(), timeoutMs);
  }

  spin(timeoutUs: number): number {
    checkInteger(timeoutUs, 'timeoutUs', 0, Number.MAX_SAFE_INTEGER);
    return this.#native.eventSetSpin(this.#pausedHandle(), timeoutUs);
  }

  ref(): void {
    this.#native.eventSetRef(this.#openHandle());
  }

  unref(): void {
    this.#native.eventSetUnref(this.#openHandle());
  }

  close(): void {
    if (this.#handle === null) return;
    served.delete(this);
    this.#native.eventSetClose(this.#handle);
    this.#handle = null;
    this.#lifetime.end();
  }

  /** Watches another file. The slot fires when the file becomes readable. */
  protected observe(slot: number, fd: number): void {
    this.#native.eventSetObserve(this.#openHandle(), slot, fd);
  }

  protected stopObserving(slot: number): void {
    this.#native.eventSetRemove(this.#openHandle(), slot);
  }

  #checkSlot(slot: number): void {
    checkInteger(slot, 'slot', 0, this.#capacity - 1);
  }

  #openHandle(): Handle<'eventSet'> {
    if (this.#handle === null) throw this.#lifetime.error();
    return this.#handle;
  }

  #pausedHandle(): Handle<'eventSet'> {
    if (served.has(this))
      throw new TypeError('the event loop serves this event set: pause it first');
    return this.#openHandle();
  }
}
