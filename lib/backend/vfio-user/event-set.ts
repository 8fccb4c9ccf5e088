import { checkInteger } from '../../checks.js';
import type { Native } from '../../native/binding.js';
import { KernelEventSet } from '../linux/event-set.js';
import type { Session } from './session.js';

const S32_MAX = 2 ** 31 - 1;
/** The time in ms after which a full socket is tried again. */
const RETRY = 10;

/**
 * An event set that handles the commands of the server while the thread waits. Otherwise, a server
 * that waits for the memory of the client could never signal an eventfd.
 */
export class UserEventSet extends KernelEventSet {
  readonly #session: Session;
  /** The slot of the socket, which follows the slots of the caller. */
  readonly #slot: number;

  constructor(native: Native, capacity: number, session: Session) {
    super(native, capacity, 1);
    this.#session = session;
    this.#slot = capacity;
  }

  override wait(timeoutMs: number): number {
    checkInteger(timeoutMs, 'timeoutMs', -1, S32_MAX);
    return this.#waitUntil(timeoutMs < 0 ? Infinity : timeoutMs, (ms) =>
      super.wait(ms === Infinity ? -1 : Math.ceil(ms)),
    );
  }

  override spin(timeoutUs: number): number {
    checkInteger(timeoutUs, 'timeoutUs', 0, Number.MAX_SAFE_INTEGER);
    return this.#waitUntil(timeoutUs / 1000, (ms) => super.spin(Math.ceil(ms * 1000)));
  }

  /** @returns the number of slots of the caller that fired, or 0 after the time in ms */
  #waitUntil(time: number, wait: (ms: number) => number): number {
    const end = performance.now() + time;
    for (let left = time; ; left = Math.max(end - performance.now(), 0)) {
      const n = this.#observe(() => wait(this.#session.isFlushed ? left : Math.min(left, RETRY)));
      if (n > 0 || performance.now() >= end) return n;
    }
  }

  #observe(wait: () => number): number {
    // The socket does not become ready for messages that have arrived together with a reply.
    if (this.#session.hasUnhandled) this.#session.wake();
    this.#session.check();
    this.observe(this.#slot, this.#session.fd);
    let n;
    try {
      n = wait();
    } finally {
      this.stopObserving(this.#slot);
    }
    const socket = this.fired.subarray(0, n).indexOf(this.#slot);
    if (socket < 0 && this.#session.isFlushed) return n;
    this.#session.wake();
    if (socket < 0) return n;
    this.fired[socket] = this.fired[n - 1] ?? 0;
    this.counts[socket] = this.counts[n - 1] ?? 0n;
    return n - 1;
  }
}
