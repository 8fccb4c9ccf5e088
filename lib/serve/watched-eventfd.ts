import type { FdEventfd } from '../contract/fd-eventfd.js';
import type { Handle, Native } from '../native/binding.js';
import { READABLE } from './watch-events.js';

/** An eventfd whose signals call a function. */
export class WatchedEventfd {
  readonly eventfd: FdEventfd;
  readonly #native: Native;
  readonly #watch: Handle<'watch'>;

  /** @param eventfd - the object closes the eventfd, even if the constructor throws */
  constructor(native: Native, eventfd: FdEventfd, onSignal: () => void) {
    this.#native = native;
    this.eventfd = eventfd;
    try {
      this.#watch = native.watchOpen(eventfd.fd ?? -1, () => {
        if (eventfd.read() > 0n) onSignal();
      });
      native.watchStart(this.#watch, READABLE);
    } catch (error) {
      eventfd.close();
      throw error;
    }
  }

  close(): void {
    this.#native.watchClose(this.#watch);
    this.eventfd.close();
  }
}
