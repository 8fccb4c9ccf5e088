import type { Eventfd, IrqInfo, IrqSet } from '../contract/index.js';
import type { ServableDevice } from '../contract/servable-device.js';
import { checkEventfd } from '../contract/eventfd.js';
import { FdEventfd } from '../contract/fd-eventfd.js';
import { eventfdOf, SET_IRQS, validateIrqSet } from '../contract/irq-request.js';
import { Notification } from '../contract/notification.js';
import {
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_PCI_REQ_IRQ_INDEX,
} from '../contract/uapi.js';
import type { Native } from '../native/binding.js';
import type { IrqTarget } from './irqs.js';
import { WatchedEventfd } from './watched-eventfd.js';

const index = VFIO_PCI_REQ_IRQ_INDEX;

/**
 * The REQ interrupt of a device that the server has opened. By this interrupt, the host requests the
 * device back. The server itself binds the interrupt of the device, and signals the eventfd that the
 * client has bound. The kernel repeats the request every 10 s.
 */
export class HostRequest implements IrqTarget {
  /** Whether the host has requested the device back. */
  isPending = false;
  readonly #connection: ServableDevice;
  readonly #client = new Notification<Eventfd>(
    {
      of: (value) => eventfdOf(value, SET_IRQS),
      raise: (eventfd) => {
        eventfd.signal();
      },
    },
    true,
  );
  readonly #watched: WatchedEventfd | null;

  /**
   * @param onRequest - called when the server must close the device: at the first request if the
   *   client has bound no eventfd, and else at the second request
   */
  constructor(native: Native, connection: ServableDevice, onRequest: () => void) {
    this.#connection = connection;
    const hasRequest = connection.getInfo().numIrqs > index && this.getIrqInfo(index).count > 0;
    this.#watched = hasRequest
      ? bind(native, connection, () => {
          const isRepeated = this.isPending;
          this.isPending = true;
          if (isRepeated || !this.#client.raise()) onRequest();
        })
      : null;
  }

  getIrqInfo(index: number): IrqInfo {
    return this.#connection.getIrqInfo(index);
  }

  setIrqs(set: IrqSet): number {
    if (set.index !== index || this.#watched === null) return this.#connection.setIrqs(set);
    const request = validateIrqSet(set, {
      indexes: index + 1,
      vectors: () => 1,
      checkEventfd: (eventfd) => {
        checkEventfd(eventfd, 'eventfd');
      },
    });
    this.#client.set(request);
    return 0;
  }

  /** Closes the eventfd. The caller then closes the device, which unbinds the interrupt. */
  close(): void {
    this.#watched?.close();
  }
}

function bind(native: Native, connection: ServableDevice, onSignal: () => void): WatchedEventfd {
  const eventfd = new FdEventfd(native, native.eventfdCreate());
  const watched = new WatchedEventfd(native, eventfd, onSignal);
  const flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
  try {
    connection.setIrqs({ index, flags, start: 0, count: 1, eventfds: [eventfd] });
  } catch (error) {
    watched.close();
    throw error;
  }
  return watched;
}
