import { failSetIrqs, type IrqEventfds, type IrqRequest } from './irq-request.js';
import { VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } from './uapi.js';

/**
 * The rules of SET_IRQS for the ERR and REQ index. Each of the two indexes has one eventfd, which
 * the host signals.
 */
export class Notification<E> {
  readonly #eventfds: IrqEventfds<E>;
  readonly #strict: boolean;
  #trigger: E | null = null;

  /**
   * @param strict - whether a file descriptor below -1 fails with EINVAL; if false, file
   *   descriptors below -1 are ignored
   */
  constructor(eventfds: IrqEventfds<E>, strict: boolean) {
    this.#eventfds = eventfds;
    this.#strict = strict;
  }

  set({ type, count, bool, eventfd }: IrqRequest): void {
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) {
      const value = count === 0 ? undefined : eventfd(0);
      if (value === undefined) return failSetIrqs('EINVAL');
      if (typeof value === 'number' && value < -1) {
        if (this.#strict) failSetIrqs('EINVAL');
        return;
      }
      this.#trigger = this.#eventfds.of(value);
    } else if (type === VFIO_IRQ_SET_DATA_BOOL) {
      if (count === 0) failSetIrqs('EINVAL');
      if (bool(0)) this.raise();
    } else {
      if (this.#trigger === null) return failSetIrqs('EINVAL');
      if (count === 0) this.clear();
      else this.raise();
    }
  }

  /** Signals the bound eventfd. @returns whether an eventfd is bound */
  raise(): boolean {
    if (this.#trigger === null) return false;
    this.#eventfds.raise(this.#trigger);
    return true;
  }

  clear(): void {
    this.#trigger = null;
  }
}
