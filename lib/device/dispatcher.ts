import type { Eventfd, EventSet } from '../contract/index.js';
import { VfioError } from '../errors.js';
import type { Handle } from './handle.js';
import { throwAll } from './throw-all.js';

interface Slot {
  readonly deliver: (count: bigint) => void;
  readonly counted: boolean;
  /** The value of the wake counter when the slot was added. */
  readonly addedInWake: number;
}

/**
 * Receives the signals of a device's event set, and delivers them to the vectors of the device. One
 * call reports all signalled eventfds. Either the event loop or a poller makes these calls, never
 * both.
 */
export class Dispatcher {
  readonly #handle: Handle;
  readonly #capacity: () => number;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #set: EventSet | null = null;
  #closed = false;
  #references = 0;
  #polled = false;
  #wake = 0;
  #delivering = false;

  /**
   * @param capacity - returns the maximum number of eventfds that the device can need at one time
   */
  constructor(handle: Handle, capacity: () => number) {
    this.#handle = handle;
    this.#capacity = capacity;
    handle.addInterrupts(() => {
      this.#close();
    });
  }

  /**
   * Adds an eventfd to the event set.
   * @returns the number of the eventfd in the event set; a freed number is used again
   */
  add(eventfd: Eventfd, counted: boolean, deliver: (count: bigint) => void): number {
    const set = this.#openSet();
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    this.#slots[slot] = { deliver, counted, addedInWake: this.#wake };
    try {
      set.add(slot, eventfd, counted);
    } catch (error) {
      this.#freeSlot(slot);
      if (!(error instanceof VfioError && error.code === 'EEXIST')) throw error;
      throw error.with({
        message: 'another vector has this eventfd',
        path: this.#handle.name,
        hint: 'Use a separate eventfd for each vector: a device can watch an eventfd only once.',
      });
    }
    return slot;
  }

  /**
   * Removes an eventfd from the event set. If the eventfd has an undelivered signal, the signal is
   * dropped.
   */
  remove(slot: number): void {
    if (this.#closed) return;
    this.#freeSlot(slot);
    this.#set?.remove(slot);
  }

  /** Adds a reference. The event set keeps the process alive while it has references. */
  ref(): void {
    if (this.#references++ === 0 && !this.#polled) this.#set?.ref();
  }

  /** Removes a reference that {@link ref} added. */
  unref(): void {
    if (--this.#references === 0 && !this.#polled) this.#set?.unref();
  }

  /** Stops delivery by the event loop. From this call on, a poller delivers the interrupts. */
  startPolling(): void {
    if (this.#polled) throw this.#error('EBUSY', 'a poller of this device is open already');
    this.#openSet().pause();
    this.#polled = true;
  }

  /** Lets the event loop deliver interrupts again. */
  stopPolling(): void {
    this.#polled = false;
    if (this.#set !== null && !this.#closed) this.#serveSet(this.#set);
  }

  /**
   * Sleeps until an eventfd is signalled or the timeout ends.
   * @returns number of signalled eventfds
   */
  wait(timeoutMs: number): number {
    return this.#pollOnce((set) => set.wait(timeoutMs));
  }

  /** Does the same as {@link wait}, but spins instead of sleeping. */
  spin(timeoutUs: number): number {
    return this.#pollOnce((set) => set.spin(timeoutUs));
  }

  #close(): void {
    this.#closed = true;
    this.#slots.length = 0;
    this.#set?.close();
  }

  #openSet(): EventSet {
    if (this.#closed) throw this.#handle.closedError();
    if (this.#set === null) {
      this.#set = this.#handle.connection.createEventSet(this.#capacity());
      this.#serveSet(this.#set);
    }
    return this.#set;
  }

  #serveSet(set: EventSet): void {
    set.serve((n) => {
      // An exception in a listener becomes an uncaught exception. The other vectors still get their
      // interrupts.
      this.#deliver(set, n, (error) => {
        queueMicrotask(() => {
          throw error;
        });
      });
    });
    if (this.#references > 0) set.ref();
  }

  #pollOnce(waitForSet: (set: EventSet) => number): number {
    // A wait inside a listener would overwrite `fired` and `counts`, which this delivery still
    // reads.
    if (this.#delivering) {
      throw this.#error('EDEADLK', 'a listener cannot wait for the interrupts of its own device');
    }
    const set = this.#openSet();
    const n = waitForSet(set);
    const errors: unknown[] = [];
    this.#deliver(set, n, (error) => errors.push(error));
    throwAll(errors, 'listeners of several vectors failed');
    return n;
  }

  #deliver(set: EventSet, n: number, onError: (error: unknown) => void): void {
    const { fired, counts } = set;
    const wake = ++this.#wake;
    this.#delivering = true;
    for (let i = 0; i < n; i++) {
      const slot = this.#slots[fired[i] ?? -1];
      // Skip an eventfd that was added during this wake. The signal was for a removed eventfd.
      if (slot === undefined || slot.addedInWake === wake) continue;
      try {
        slot.deliver(slot.counted ? (counts[i] ?? 1n) : 1n);
      } catch (error) {
        onError(error);
      }
    }
    this.#delivering = false;
  }

  #freeSlot(slot: number): void {
    this.#slots[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  #error(code: string, message: string): VfioError {
    return new VfioError({ code, message, path: this.#handle.name });
  }
}
