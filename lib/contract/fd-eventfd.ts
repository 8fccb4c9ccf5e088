import { checkU64, U64_MAX } from '../checks.js';
import type { Eventfd } from './eventfd.js';
import { Lifetime } from './lifetime.js';

/** The native calls for the descriptor of an eventfd. */
export interface EventfdCalls {
  eventfdSignal(fd: number, count?: bigint): void;
  eventfdRead(fd: number): bigint;
  close(fd: number): void;
}

/** An eventfd of the kernel, eventfd(2), non-blocking. The object closes the descriptor. */
export class FdEventfd implements Eventfd {
  readonly #calls: EventfdCalls;
  readonly #lifetime = new Lifetime('the eventfd is closed');
  #fd: number | null;

  constructor(calls: EventfdCalls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
  }

  get fd(): number | null {
    return this.#fd;
  }

  signal(count?: bigint): void {
    // Most calls add 1. A call without a bigint argument is about 20 % faster.
    if (count === undefined) {
      this.#calls.eventfdSignal(this.requireFd());
      return;
    }
    checkU64(count, 'count');
    // write(2) refuses the value 2^64 - 1.
    if (count === U64_MAX) throw new RangeError(`count must be from 0 to 2^64 - 2, not ${count}`);
    this.#calls.eventfdSignal(this.requireFd(), count);
  }

  read(): bigint {
    return this.#calls.eventfdRead(this.requireFd());
  }

  close(hint?: string): void {
    if (this.#fd === null) return;
    this.#calls.close(this.#fd);
    this.#fd = null;
    this.#lifetime.end(hint);
  }

  /** Returns the file descriptor. @throws {@link VfioError} EBADF if the eventfd is closed */
  requireFd(): number {
    if (this.#fd === null) throw this.#lifetime.error();
    return this.#fd;
  }
}
