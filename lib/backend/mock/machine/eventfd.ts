import { channel } from 'node:diagnostics_channel';
import { EVENTFD_CHANNEL, type Eventfd, type EventfdSignal } from '../../../contract/index.js';
import {
  eventfdOf,
  type IrqEventfd,
  type IrqEventfds,
  SET_IRQS,
} from '../../../contract/irq-request.js';
import { descriptorOf } from '../../../contract/eventfd.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { checkU64, U64_MAX } from '../../../checks.js';
import { VfioError } from '../../../errors.js';
import { fail } from './errno.js';

/** Callbacks for the signals and for the close of an eventfd. */
export interface EventfdWatcher {
  /** Called when the eventfd was signalled. The added count can be 0. */
  signalled(): void;
  /** Called when the last reference to the file of the eventfd is released. */
  closed(): void;
}

const signals = channel(EVENTFD_CHANNEL);

/**
 * A mock of a non-blocking eventfd(2): a counter in this process. The file of the eventfd stays open
 * until the program has closed the eventfd and every event set has removed the eventfd.
 */
export class MockEventfd implements Eventfd {
  readonly fd = null;
  /**
   * List of watchers. The newest watcher is the first, as in a wait queue. Each change creates a
   * new array, so that a loop over the old array is not disturbed.
   */
  #watchers: readonly EventfdWatcher[] = [];
  readonly #lifetime = new Lifetime('the eventfd is closed');
  #counter = 0n;
  /** Number of references to the file: the program's reference, and one for each event set. */
  #references = 1;

  /** Whether the counter is not 0. */
  get readable(): boolean {
    return this.#counter !== 0n;
  }

  /** @throws {@link VfioError} EBADF if the eventfd is closed */
  checkOpen(): void {
    this.#lifetime.check();
  }

  /** @throws VfioError EAGAIN if the counter would overflow */
  signal(count = 1n): void {
    checkU64(count, 'count');
    // write(2) refuses the value 2^64 - 1. No write can set the counter to 2^64 - 1.
    if (count === U64_MAX) throw new RangeError(`count must be from 0 to 2^64 - 2, not ${count}`);
    this.checkOpen();
    if (this.#counter + count >= U64_MAX) fail('EAGAIN', 'write');
    this.#add(count);
  }

  /**
   * Adds 1 for an interrupt, as eventfd_signal() does. The counter saturates. The call works even
   * if the eventfd is closed.
   */
  raise(): void {
    this.#add(this.#counter === U64_MAX ? 0n : 1n);
  }

  read(): bigint {
    this.checkOpen();
    return this.resetCounter();
  }

  /**
   * Resets the counter and returns its value. Unlike {@link read}, this method works even if the
   * eventfd is closed.
   */
  resetCounter(): bigint {
    const counter = this.#counter;
    this.#counter = 0n;
    return counter;
  }

  watch(watcher: EventfdWatcher): void {
    this.#watchers = [watcher, ...this.#watchers];
  }

  unwatch(watcher: EventfdWatcher): void {
    this.#watchers = this.#watchers.filter((other) => other !== watcher);
  }

  close(hint?: string): void {
    if (this.#lifetime.end(hint)) this.release();
  }

  /** Adds a reference to the file. */
  retain(): void {
    this.#references++;
  }

  /** Drops a reference to the file. The last call closes the file. */
  release(): void {
    if (--this.#references > 0) return;
    for (const watcher of this.#watchers) watcher.closed();
    this.#watchers = [];
  }

  #add(count: bigint): void {
    this.#counter += count;
    if (signals.hasSubscribers) {
      signals.publish({ eventfd: this, count } satisfies EventfdSignal);
    }
    for (const watcher of this.#watchers) watcher.signalled();
  }
}

/**
 * An eventfd of the kernel that is bound to an interrupt of a mock device. The consumer of the
 * interrupt can be another process, such as a VMM.
 */
class ForwardedEventfd extends MockEventfd {
  readonly #target: Eventfd;

  constructor(target: Eventfd) {
    super();
    this.#target = target;
  }

  override raise(): void {
    try {
      this.#target.signal();
    } catch (error) {
      // The counter is full, or the eventfd is closed. The kernel drops such a signal, too.
      if (!(error instanceof VfioError)) throw error;
    }
  }

  /** A mock device cannot wait for signals of another process. */
  override watch(): never {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'a mock device cannot watch an eventfd of the kernel',
      hint: 'Create the eventfd by createEventfd() of the device.',
    });
  }
}

const forwarded = new WeakMap<Eventfd, ForwardedEventfd>();

/**
 * Returns an eventfd as a {@link MockEventfd}, after checking its type.
 *
 * @throws {@link VfioError} EBADF if the eventfd is closed
 * @throws TypeError if another back end created the eventfd
 */
export function mockEventfd(eventfd: Eventfd): MockEventfd {
  if (!(eventfd instanceof MockEventfd)) {
    throw new TypeError(
      'the eventfd is not from the mock: create it by createEventfd() of the device',
    );
  }
  eventfd.checkOpen();
  return eventfd;
}

/**
 * Returns the mock eventfd for an eventfd that an interrupt signals. The eventfd can be an eventfd
 * of the kernel.
 *
 * @throws {@link VfioError} EBADF if the eventfd is closed
 * @throws TypeError if the eventfd is neither from the mock nor from the kernel; RangeError if the
 *   property `fd` is not a file descriptor
 */
export function signalledEventfd(eventfd: Eventfd): MockEventfd {
  if (eventfd instanceof MockEventfd || descriptorOf(eventfd) === null) return mockEventfd(eventfd);
  const known = forwarded.get(eventfd) ?? new ForwardedEventfd(eventfd);
  forwarded.set(eventfd, known);
  return known;
}

/**
 * Returns the mock eventfd for an eventfd argument of an ioctl. Returns null if the argument means
 * that no eventfd is bound.
 *
 * @throws VfioError EINVAL or EBADF for a file descriptor, because mock eventfds have no file
 *   descriptor
 */
export function eventfdArgument(value: IrqEventfd, syscall: string): MockEventfd | null {
  const eventfd = eventfdOf(value, syscall);
  return eventfd === null ? null : signalledEventfd(eventfd);
}

/** The operations of a mock device on the eventfds of its SET_IRQS requests. */
export const irqEventfds: IrqEventfds<MockEventfd> = {
  of: (value) => eventfdArgument(value, SET_IRQS),
  raise: (eventfd) => {
    eventfd.raise();
  },
};
