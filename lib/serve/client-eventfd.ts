import { readlinkSync } from 'node:fs';
import { type EventfdCalls, FdEventfd } from '../contract/fd-eventfd.js';
import { VfioError } from '../errors.js';

/** An eventfd that a client has sent. */
export class ClientEventfd extends FdEventfd {
  /**
   * @param fd - the received descriptor, which the object closes
   * @throws {@link VfioError} EINVAL if the descriptor is not an eventfd; a write to another file
   *   could block this process
   */
  constructor(calls: EventfdCalls, fd: number) {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventfd]') {
      throw new VfioError({
        code: 'EINVAL',
        message: 'the descriptor of an interrupt is not an eventfd',
        syscall: 'VFIO_USER_DEVICE_SET_IRQS',
      });
    }
    super(calls, fd);
  }
}
