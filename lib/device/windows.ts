import type { RegisterWindow } from '../contract/index.js';

/**
 * The windows of a device, to be closed with it. A window that nobody can use any more is
 * forgotten, so a program may open and close them for ever.
 */
export class Windows {
  readonly #open = new Set<WeakRef<RegisterWindow>>();

  open(map: () => RegisterWindow): RegisterWindow {
    for (const known of this.#open) {
      if (known.deref() === undefined) this.#open.delete(known);
    }
    const window = map();
    this.#open.add(new WeakRef(window));
    return window;
  }

  /** @param hint - why, if the program did not close the device */
  close(hint?: string): void {
    for (const window of this.#open) window.deref()?.close(hint);
    this.#open.clear();
  }
}
