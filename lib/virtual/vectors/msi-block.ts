import type { DeviceConnection, Eventfd } from '../../contract/index.js';
import { IrqOwnership } from '../../contract/irq-ownership.js';
import { SET_IRQS } from '../../contract/irq-request.js';
import {
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_MSI_IRQ_INDEX,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';

/**
 * The MSI vectors of a device as host vectors. The vectors are enabled once, in a block that cannot
 * grow, and are bound one by one. The host does not mask an MSI vector while the host replaces the
 * eventfd. Before a bind to another eventfd, the caller must therefore silence the slots that raise
 * the vector. Interrupts that the slots have already sent still signal the old eventfd.
 */
export class MsiBlock {
  readonly count: number;
  readonly growable = false;
  readonly #connection: DeviceConnection;
  readonly #ownership: IrqOwnership;

  /** @throws {@link VfioError} ENOTSUP if the device has no MSI */
  constructor(connection: DeviceConnection) {
    const { count } = connection.getIrqInfo(VFIO_PCI_MSI_IRQ_INDEX);
    if (count === 0) {
      throw new VfioError({
        code: 'ENOTSUP',
        message: 'the device has no MSI',
        path: connection.name,
      });
    }
    this.count = count;
    this.#connection = connection;
    this.#ownership = new IrqOwnership(connection, VFIO_PCI_MSI_IRQ_INDEX, {
      name: 'an interrupt message store',
      release: 'Close the DeviceHostVectors first.',
    });
  }

  /**
   * Enables the first `count` vectors.
   * @throws {@link VfioError} ENOSPC, with `available`, if the host has fewer than `count` vectors
   */
  allocate(count: number): void {
    this.#ownership.acquire(() => {
      const available = this.#bind(0, new Array<null>(count).fill(null));
      if (available === 0) return;
      throw new VfioError({
        code: 'ENOSPC',
        message: `the host can allocate ${available} of ${count} MSI vectors`,
        syscall: SET_IRQS,
        path: this.#connection.name,
        hint: `Pass count: ${available}, or turn on interrupt remapping in the kernel.`,
        available,
      });
    });
  }

  /** Binds a vector to an eventfd. Interrupts that are under way still signal the old eventfd. */
  request(vector: number, target: Eventfd): void {
    this.#connection.synchronizeIrqs(VFIO_PCI_MSI_IRQ_INDEX, [vector]);
    this.#bind(vector, [target]);
  }

  /** Unbinds a vector. Interrupts that are under way still signal the eventfd. */
  release(vector: number): void {
    if (!this.#ownership.held) return;
    this.#connection.synchronizeIrqs(VFIO_PCI_MSI_IRQ_INDEX, [vector]);
    this.#bind(vector, [null]);
  }

  /** Disables MSI. Idempotent. */
  close(): void {
    if (!this.#ownership.held) return;
    this.#ownership.release();
    try {
      this.#connection.setIrqs({
        index: VFIO_PCI_MSI_IRQ_INDEX,
        flags: VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
        start: 0,
        count: 0,
      });
    } catch {
      // The kernel disables MSI when it closes the device.
    }
  }

  #bind(start: number, eventfds: readonly (Eventfd | null)[]): number {
    return this.#connection.setIrqs({
      index: VFIO_PCI_MSI_IRQ_INDEX,
      flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
      start,
      count: eventfds.length,
      eventfds,
    });
  }
}
