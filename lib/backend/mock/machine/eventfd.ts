import { channel } from 'node:diagnostics_channel';
import { EVENTFD_CHANNEL, type Eventfd, type EventfdSignal } from '../../../contract/index.js';
import { eventfdOf, type IrqEventfd } from '../../../contract/irq-request.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { checkU64, U64_MAX } from '../../../checks.js';
import { fail } from './errno.js';

/** Who is told what happens to an eventfd. */
export interface EventfdWatcher {
  /** Something was added, perhaps 0. */
  signalled(eventfd: MockEventfd): void;
  closed(eventfd: MockEventfd): void;
}

const signals = channel(EVENTFD_CHANNEL);

/** eventfd(2), non-blocking, as a counter of this process. */
export class MockEventfd implements Eventfd {
  readonly fd = null;
  /** The newest first, as in a wait queue. Replaced, not changed, so that a loop over it goes on. */
  #watchers: readonly EventfdWatcher[] = [];
  readonly #lifetime = new Lifetime('the eventfd is closed');
  #counter = 0n;

  /** Whether a read would give something. */
  get readable(): boolean {
    return this.#counter !== 0n;
  }

  /** @throws {@link VfioError} EBADF if it is closed */
  checkOpen(): void {
    this.#lifetime.check();
  }

  /** @throws VfioError EAGAIN if the counter cannot take as much */
  signal(count = 1n): void {
    this.checkOpen();
    checkU64(count, 'count');
    // 2^64 - 1 is the one value that write(2) refuses, and that a counter never reaches by it.
    if (count === U64_MAX) throw new RangeError('count must be from 0 to 2^64 - 2');
    if (this.#counter + count >= U64_MAX) fail('EAGAIN', 'write');
    this.#add(count);
  }

  /** An interrupt of the host: eventfd_signal(). Saturates, and goes on after a close. */
  raise(): void {
    this.#add(this.#counter === U64_MAX ? 0n : 1n);
  }

  read(): bigint {
    this.checkOpen();
    return this.take();
  }

  /** As {@link read}, by who holds the counter and not a descriptor of it. */
  take(): bigint {
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
    if (!this.#lifetime.end(hint)) return;
    for (const watcher of this.#watchers) watcher.closed(this);
    this.#watchers = [];
  }

  #add(count: bigint): void {
    this.#counter += count;
    if (signals.hasSubscribers) {
      signals.publish({ eventfd: this, count } satisfies EventfdSignal);
    }
    for (const watcher of this.#watchers) watcher.signalled(this);
  }
}

/** @throws {@link VfioError} EBADF if it is closed; TypeError for an eventfd of another back end */
export function mockEventfd(eventfd: Eventfd): MockEventfd {
  if (!(eventfd instanceof MockEventfd)) throw new TypeError('the eventfd is not one of the mock');
  eventfd.checkOpen();
  return eventfd;
}

/**
 * Returns the eventfd of the mock for an eventfd in the data of an ioctl, or null for none.
 *
 * @throws VfioError EINVAL or EBADF for a number: no file descriptor is an eventfd of the mock
 */
export function eventfdArgument(value: IrqEventfd, syscall: string): MockEventfd | null {
  const eventfd = eventfdOf(value, syscall);
  return eventfd === null ? null : mockEventfd(eventfd);
}
