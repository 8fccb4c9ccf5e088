import type { RegisterWindow } from '../contract/index.js';
import type { Handle } from './handle.js';

const MIN_LIMIT = 64;

/**
 * The open windows of a device. Closing the device closes its windows. The references to the
 * windows are weak, so that V8 can free a window that the program no longer uses.
 */
export class Windows {
  readonly #open = new Set<WeakRef<RegisterWindow>>();
  /**
   * The number of references at which the references of freed windows are removed. A removal at
   * each open would look at all windows.
   */
  #limit = MIN_LIMIT;

  constructor(handle: Handle) {
    handle.beforeClose(() => {
      for (const window of this.#open) window.deref()?.close(handle.closingHint);
    });
  }

  /** Maps a window, and closes the window when the device is closed. */
  open(map: () => RegisterWindow): RegisterWindow {
    if (this.#open.size >= this.#limit) this.#removeFreed();
    const window = map();
    this.#open.add(new WeakRef(window));
    return window;
  }

  #removeFreed(): void {
    for (const known of this.#open) {
      if (known.deref() === undefined) this.#open.delete(known);
    }
    this.#limit = Math.max(2 * this.#open.size, MIN_LIMIT);
  }
}
