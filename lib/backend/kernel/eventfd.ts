import type { Native } from '../../native/binding.js';
import type { Eventfd } from '../contract.js';
import { U64_MAX } from '../checks.js';

/** eventfd(2), non-blocking. */
export class KernelEventfd implements Eventfd {
  readonly #native: Native;
  #fd: number | null;

  constructor(native: Native) {
    this.#native = native;
    this.#fd = native.eventfdCreate();
  }

  get fd(): number | null {
    return this.#fd;
  }

  signal(count = 1n): void {
    // 2^64 - 1 is the one value that write(2) refuses.
    if (count < 0n || count >= U64_MAX) {
      throw new RangeError(`count must be from 0 to 2^64 - 2, not ${count}`);
    }
    this.#native.eventfdSignal(this.#open(), count);
  }

  read(): bigint {
    return this.#native.eventfdRead(this.#open());
  }

  close(): void {
    if (this.#fd === null) return;
    this.#native.close(this.#fd);
    this.#fd = null;
  }

  #open(): number {
    if (this.#fd === null) throw new TypeError('eventfd is closed');
    return this.#fd;
  }
}
