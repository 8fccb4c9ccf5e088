import type { Native } from '../../native/binding.js';
import type { Eventfd } from '../../contract/index.js';
import { Lifetime } from '../../contract/lifetime.js';
import { U64_MAX } from '../../checks.js';

/** Where the numbers of {@link signalAll} are gathered; kept for the next call. */
let numbers = new Int32Array(64);
let bytes = new Uint8Array(numbers.buffer);

/**
 * Signals each once, those of the kernel by one call into native code.
 * @param native - asked for if there is one of the kernel
 */
export function signalAll(native: () => Native, eventfds: readonly Eventfd[]): void {
  if (eventfds.length > numbers.length) {
    numbers = new Int32Array(2 * eventfds.length);
    bytes = new Uint8Array(numbers.buffer);
  }
  let n = 0;
  for (const eventfd of eventfds) {
    const { fd } = eventfd;
    // The eventfd of a mock device; or it is closed, and its signal() throws EBADF.
    if (fd === null) eventfd.signal();
    else numbers[n++] = fd;
  }
  if (n > 0) native().eventfdSignalAll(bytes, n);
}

/** eventfd(2), non-blocking. */
export class KernelEventfd implements Eventfd {
  readonly #native: Native;
  readonly #lifetime = new Lifetime('the eventfd is closed');
  #fd: number | null;

  constructor(native: Native) {
    this.#native = native;
    this.#fd = native.eventfdCreate();
  }

  get fd(): number | null {
    return this.#fd;
  }

  signal(count?: bigint): void {
    // Once is by far the most frequent, and a bigint costs a fifth of the call.
    if (count === undefined) {
      this.#native.eventfdSignal(this.number());
      return;
    }
    // 2^64 - 1 is the one value that write(2) refuses.
    if (count < 0n || count >= U64_MAX) {
      throw new RangeError(`count must be from 0 to 2^64 - 2, not ${count}`);
    }
    this.#native.eventfdSignal(this.number(), count);
  }

  read(): bigint {
    return this.#native.eventfdRead(this.number());
  }

  close(hint?: string): void {
    if (this.#fd === null) return;
    this.#native.close(this.#fd);
    this.#fd = null;
    this.#lifetime.end(hint);
  }

  /** The number. @throws {@link VfioError} EBADF if the eventfd is closed */
  number(): number {
    if (this.#fd === null) throw this.#lifetime.error();
    return this.#fd;
  }
}
