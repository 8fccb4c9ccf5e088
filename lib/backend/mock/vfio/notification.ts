import { SET_IRQS, type IrqRequest } from '../../../contract/irq-request.js';
import { VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { eventfdArgument, type MockEventfd } from '../machine/eventfd.js';

/** The ERR or REQ index. Each of the two indexes has one eventfd, which the host signals. */
export class Notification {
  readonly #strict: boolean;
  #trigger: MockEventfd | null = null;

  /**
   * @param strict - whether a file descriptor below -1 fails with EINVAL; if false, file
   *   descriptors below -1 are ignored
   */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  set({ type, count, bool, eventfd }: IrqRequest): void {
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) {
      const value = count === 0 ? undefined : eventfd(0);
      if (value === undefined) return fail('EINVAL', SET_IRQS);
      if (typeof value === 'number' && value < -1) {
        if (this.#strict) fail('EINVAL', SET_IRQS);
        return;
      }
      this.#trigger = eventfdArgument(value, SET_IRQS);
    } else if (type === VFIO_IRQ_SET_DATA_BOOL) {
      if (count === 0) fail('EINVAL', SET_IRQS);
      if (bool(0)) this.#trigger?.raise();
    } else {
      if (this.#trigger === null) return fail('EINVAL', SET_IRQS);
      if (count === 0) this.clear();
      else this.#trigger.raise();
    }
  }

  /** Signals the bound eventfd. If no eventfd is bound, the call has no effect. */
  raise(): void {
    this.#trigger?.raise();
  }

  clear(): void {
    this.#trigger = null;
  }
}
