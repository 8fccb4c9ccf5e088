import { readlinkSync } from 'node:fs';
import { U64_MAX } from '../checks.js';
import type { Eventfd } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';

/** An eventfd that a client has sent. */
export class ClientEventfd implements Eventfd {
  readonly #native: Native;
  readonly #lifetime = new Lifetime('the eventfd is closed');
  #fd: number | null;

  /**
   * @param fd - the received descriptor, which the object closes
   * @throws {@link VfioError} EINVAL if the descriptor is not an eventfd; a write to another file
   *   could block this process
   */
  constructor(native: Native, fd: number) {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventfd]') {
      throw new VfioError({
        code: 'EINVAL',
        message: 'the descriptor of an interrupt is not an eventfd',
        syscall: 'VFIO_USER_DEVICE_SET_IRQS',
      });
    }
    this.#native = native;
    this.#fd = fd;
  }

  get fd(): number | null {
    return this.#fd;
  }

  signal(count?: bigint): void {
    if (count === undefined) {
      this.#native.eventfdSignal(this.#openFd());
      return;
    }
    if (count < 0n || count >= U64_MAX) {
      throw new RangeError(`count must be from 0 to 2^64 - 2, not ${count}`);
    }
    this.#native.eventfdSignal(this.#openFd(), count);
  }

  read(): bigint {
    return this.#native.eventfdRead(this.#openFd());
  }

  close(hint?: string): void {
    if (this.#fd === null) return;
    this.#native.close(this.#fd);
    this.#fd = null;
    this.#lifetime.end(hint);
  }

  #openFd(): number {
    if (this.#fd === null) throw this.#lifetime.error();
    return this.#fd;
  }
}
