import type { Eventfd, EventSet } from '../contract/index.js';
import { VfioError } from '../errors.js';
import type { Handle } from './handle.js';
import { throwAll } from './throw-all.js';

interface Slot {
  readonly deliver: (count: bigint) => void;
  readonly counted: boolean;
  /** The wake that was being delivered, or the last one, when the slot was taken. */
  readonly since: number;
}

/**
 * From the event set of a device to its vectors: one call a wake, then a loop over the slots that
 * fired. The event loop drives it, or a poller does; never both.
 */
export class Dispatcher {
  readonly #handle: Handle;
  readonly #capacity: () => number;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #free: number[] = [];
  #set: EventSet | null = null;
  #closed = false;
  #references = 0;
  #polled = false;
  #wake = 0;
  #delivering = false;

  /** @param capacity - how many slots the device can need at most */
  constructor(handle: Handle, capacity: () => number) {
    this.#handle = handle;
    this.#capacity = capacity;
    handle.beforeClose(() => {
      this.#close();
    });
  }

  /** @returns the slot: one that was freed, else the next number */
  add(eventfd: Eventfd, counted: boolean, deliver: (count: bigint) => void): number {
    const set = this.#open();
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = { deliver, counted, since: this.#wake };
    try {
      set.add(slot, eventfd, counted);
    } catch (error) {
      this.#forget(slot);
      if (!(error instanceof VfioError && error.code === 'EEXIST')) throw error;
      throw error.with({
        message: 'another vector has this eventfd',
        path: this.#handle.name,
        hint: 'A device can watch an eventfd once: give each vector its own.',
      });
    }
    return slot;
  }

  /** Nothing is delivered to the slot any more, also not what the wake under way has for it. */
  remove(slot: number): void {
    if (this.#closed) return;
    this.#forget(slot);
    this.#set?.remove(slot);
  }

  /** Somebody listens, and wants the process to stay for it. */
  ref(): void {
    if (this.#references++ === 0 && !this.#polled) this.#set?.ref();
  }

  unref(): void {
    if (--this.#references === 0 && !this.#polled) this.#set?.unref();
  }

  /** Takes delivery from the event loop. */
  startPolling(): void {
    if (this.#polled) throw this.#error('EBUSY', 'a poller of this device is open already');
    this.#open().pause();
    this.#polled = true;
  }

  /** Gives it back. */
  stopPolling(): void {
    this.#polled = false;
    if (this.#set !== null && !this.#closed) this.#serve(this.#set);
  }

  /** Sleeps until something fired or the time is over. @returns how many slots fired */
  wait(timeoutMs: number): number {
    return this.#pollOnce((set) => set.wait(timeoutMs));
  }

  /** As {@link wait}, spinning. */
  spin(timeoutUs: number): number {
    return this.#pollOnce((set) => set.spin(timeoutUs));
  }

  #close(): void {
    this.#closed = true;
    this.#slots.length = 0;
    this.#set?.close();
  }

  #open(): EventSet {
    if (this.#closed) throw this.#handle.closedError();
    if (this.#set === null) {
      this.#set = this.#handle.connection.createEventSet(this.#capacity());
      this.#serve(this.#set);
    }
    return this.#set;
  }

  #serve(set: EventSet): void {
    set.serve((n) => {
      // Every exception becomes an uncaught one, and none of them keeps a vector from its turn.
      this.#deliver(set, n, (error) => {
        queueMicrotask(() => {
          throw error;
        });
      });
    });
    if (this.#references > 0) set.ref();
  }

  #pollOnce(fired: (set: EventSet) => number): number {
    // `fired` and `counts` of the set belong to the wake that is being delivered.
    if (this.#delivering) {
      throw this.#error('EDEADLK', 'a listener cannot wait for the interrupts of its own device');
    }
    const set = this.#open();
    const n = fired(set);
    const errors: unknown[] = [];
    this.#deliver(set, n, (error) => errors.push(error));
    throwAll(errors, 'listeners of several vectors failed');
    return n;
  }

  #deliver(set: EventSet, n: number, failed: (error: unknown) => void): void {
    const { fired, counts } = set;
    const wake = ++this.#wake;
    this.#delivering = true;
    for (let i = 0; i < n; i++) {
      const slot = this.#slots[fired[i] ?? -1];
      // Who took the slot in the course of this wake is not meant by it.
      if (slot === undefined || slot.since === wake) continue;
      try {
        slot.deliver(slot.counted ? (counts[i] ?? 1n) : 1n);
      } catch (error) {
        failed(error);
      }
    }
    this.#delivering = false;
  }

  #forget(slot: number): void {
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  #error(code: string, message: string): VfioError {
    return new VfioError({ code, message, path: this.#handle.name });
  }
}
