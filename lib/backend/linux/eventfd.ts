import type { Native } from '../../native/binding.js';
import type { Eventfd } from '../../contract/index.js';
import { checkArray, checkInteger, checkNumber } from '../../checks.js';
import { checkEventfd, descriptorOf } from '../../contract/eventfd.js';
import { FdEventfd } from '../../contract/fd-eventfd.js';

const S32_MIN = -(2 ** 31);
const S32_MAX = 2 ** 31 - 1;

/**
 * The buffer in which {@link signalAll} passes file descriptors to native code. Each call reuses
 * the buffer.
 */
let fds = new Int32Array(64);
let bytes = new Uint8Array(fds.buffer);

/**
 * Signals each eventfd once. One call into native code signals all eventfds of the kernel.
 * @param native - returns the addon; called only if at least one eventfd is an eventfd of the
 *   kernel
 */
export function signalAll(native: () => Native, eventfds: readonly Eventfd[]): void {
  checkArray(eventfds, 'eventfds');
  if (eventfds.length > fds.length) {
    fds = new Int32Array(2 * eventfds.length);
    bytes = new Uint8Array(fds.buffer);
  }
  let n = 0;
  for (const eventfd of eventfds) {
    const fd = fdOrNull(eventfd);
    // A mock eventfd and a closed eventfd have no file descriptor. For a closed eventfd, signal()
    // throws EBADF.
    if (fd === null) {
      checkEventfd(eventfd, 'eventfd');
      eventfd.signal();
    } else {
      if ((fd | 0) !== fd || fd < 0) checkInteger(fd, 'fd of an eventfd', 0, S32_MAX);
      fds[n++] = fd;
    }
  }
  if (n > 0) native().eventfdSignalAll(bytes, n);
}

/** Returns the property `fd` of a value that should be an eventfd. */
function fdOrNull(eventfd: unknown): number | null {
  if (typeof eventfd !== 'object' || eventfd === null) checkEventfd(eventfd, 'eventfd');
  const { fd } = eventfd as { readonly fd?: unknown };
  if (fd !== null) checkNumber(fd, 'fd of an eventfd');
  return fd;
}

/** An eventfd that this process has created. */
export class KernelEventfd extends FdEventfd {
  constructor(native: Native) {
    super(native, native.eventfdCreate());
  }
}

/** Returns the file descriptor that an ioctl receives for an eventfd. Returns -1 for null. */
export function fdOf(eventfd: Eventfd | null | number): number {
  if (eventfd === null) return -1;
  if (typeof eventfd === 'number') {
    checkInteger(eventfd, 'eventfd', S32_MIN, S32_MAX);
    return eventfd;
  }
  if (eventfd instanceof KernelEventfd) return eventfd.requireFd();
  const fd = descriptorOf(eventfd);
  if (fd !== null) return fd;
  throw new TypeError(
    'the eventfd has no file descriptor: create it by createEventfd() of the device',
  );
}
