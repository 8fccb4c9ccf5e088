import type { RegisterWindow } from '../contract/index.js';
import type { Handle } from './handle.js';

/**
 * The open windows of a device. Closing the device closes its windows. The references to the
 * windows are weak, so that V8 can free a window that the program no longer uses.
 */
export class Windows {
  readonly #open = new Set<WeakRef<RegisterWindow>>();

  constructor(handle: Handle) {
    handle.beforeClose(() => {
      for (const window of this.#open) window.deref()?.close(handle.closingHint);
    });
  }

  /** Maps a window, and closes the window when the device is closed. */
  open(map: () => RegisterWindow): RegisterWindow {
    for (const known of this.#open) {
      if (known.deref() === undefined) this.#open.delete(known);
    }
    const window = map();
    this.#open.add(new WeakRef(window));
    return window;
  }
}
