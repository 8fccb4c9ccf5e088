import type { Eventfd } from '../../contract/index.js';
import { Notification } from '../../contract/notification.js';
import { irqEventfds } from './irq-eventfds.js';

/** Returns the SET_IRQS state of a {@link VirtualReq}. */
export let notificationOf: (req: VirtualReq) => Notification<Eventfd>;

/**
 * The REQ index of a virtual device. By this index, the virtual device asks its user to give the
 * device back.
 *
 * @example
 * const req = new VirtualReq();
 * const irqs = new VirtualIrqs({ msix, req });
 * req.requestDevice();
 */
export class VirtualReq {
  readonly #notification = new Notification<Eventfd>(irqEventfds, true);

  static {
    notificationOf = (req) => req.#notification;
  }

  /**
   * Requests the device back from its user: signals the eventfd that the user has bound to the REQ
   * index. The user then closes the device. The kernel repeats such a request every 10 s; this
   * method signals once.
   *
   * @returns whether an eventfd is bound
   */
  requestDevice(): boolean {
    return this.#notification.raise();
  }
}
