import type { Eventfd } from '../../contract/index.js';
import { eventfdOf, type IrqEventfds, SET_IRQS } from '../../contract/irq-request.js';

/** The operations of a virtual device on the eventfds of its SET_IRQS requests. */
export const irqEventfds: IrqEventfds<Eventfd> = {
  of: (value) => eventfdOf(value, SET_IRQS),
  raise: (eventfd) => {
    eventfd.signal();
  },
};
