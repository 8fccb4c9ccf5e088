import type { Handle, Native } from '../native/binding.js';
import type { ClientEventfd } from './client-eventfd.js';
import { READABLE } from './watch-events.js';

/** An eventfd of a client whose signals unmask INTx. */
export class Resample {
  readonly #native: Native;
  readonly #eventfd: ClientEventfd;
  readonly #watch: Handle<'watch'>;

  constructor(native: Native, eventfd: ClientEventfd, onSignal: () => void) {
    this.#native = native;
    this.#eventfd = eventfd;
    this.#watch = native.watchOpen(eventfd.fd ?? -1, () => {
      if (eventfd.read() > 0n) onSignal();
    });
    native.watchStart(this.#watch, READABLE);
  }

  close(): void {
    this.#native.watchClose(this.#watch);
    this.#eventfd.close();
  }
}
