import type { RegisterWindow } from '../contract/index.js';
import type { Handle } from './handle.js';

/**
 * The windows of a device, to be closed with it. A window that nobody can use any more is
 * forgotten, so a program may open and close them for ever.
 */
export class Windows {
  readonly #open = new Set<WeakRef<RegisterWindow>>();

  constructor(handle: Handle) {
    handle.beforeClose(() => {
      for (const window of this.#open) window.deref()?.close(handle.closingHint);
    });
  }

  open(map: () => RegisterWindow): RegisterWindow {
    for (const known of this.#open) {
      if (known.deref() === undefined) this.#open.delete(known);
    }
    const window = map();
    this.#open.add(new WeakRef(window));
    return window;
  }
}
