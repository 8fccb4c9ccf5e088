import { checkEventfd } from '../../contract/eventfd.js';
import type { IrqInfo, IrqSet } from '../../contract/index.js';
import {
  bindBlock,
  eventfdOf,
  failSetIrqs,
  type IrqIndexes,
  type IrqRequest,
  selectedVectors,
  SET_IRQS,
  validateIrqSet,
} from '../../contract/irq-request.js';
import {
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
} from '../../contract/uapi.js';
import { checkInstance, checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Delivery } from './delivery.js';
import { VirtualMsix } from './virtual-msix.js';
import { deliveryOf } from './virtual-vectors.js';

/**
 * The VFIO interface of a virtual device's interrupts: VFIO_DEVICE_GET_IRQ_INFO and
 * VFIO_DEVICE_SET_IRQS. The calls behave like the calls of vfio-pci in Linux 6.5 or later,
 * including the errno of a failure. A VMM can therefore use a virtual device like a device that is
 * bound to vfio-pci. Enabling the index sets MSI-X Enable and masks every vector. Binding an
 * eventfd unmasks the vector. Unbinding masks the vector. The interrupts of a masked vector become
 * pending.
 *
 * MSI-X is the only interrupt index with vectors. An eventfd must be an `Eventfd` object. A file
 * descriptor number is refused with EBADF.
 *
 * @example
 * const irqs = new VirtualIrqs(msix);
 * irqs.setIrqs({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] });
 */
export class VirtualIrqs {
  readonly #indexes: IrqIndexes;
  readonly #delivery: Delivery;

  constructor(msix: VirtualMsix) {
    checkInstance(msix, 'msix', VirtualMsix);
    this.#indexes = {
      indexes: VFIO_PCI_NUM_IRQS,
      vectors: (index) => (index === VFIO_PCI_MSIX_IRQ_INDEX ? msix.vectors : 0),
      checkEventfd: (eventfd) => {
        checkEventfd(eventfd, 'eventfd');
      },
    };
    this.#delivery = deliveryOf(msix);
  }

  /**
   * Describes an interrupt index: VFIO_DEVICE_GET_IRQ_INFO.
   * @throws {@link VfioError} EINVAL if the device has no such index
   */
  getIrqInfo(index: number): IrqInfo {
    checkInteger(index, 'index', 0, 2 ** 32 - 1);
    if (index >= VFIO_PCI_NUM_IRQS) {
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO' });
    }
    const growable = index === VFIO_PCI_MSIX_IRQ_INDEX && this.#delivery.growable;
    const flags = VFIO_IRQ_INFO_EVENTFD | (growable ? 0 : VFIO_IRQ_INFO_NORESIZE);
    return { index, flags, count: this.#indexes.vectors(index) };
  }

  /**
   * Enables, binds, triggers or disables vectors: VFIO_DEVICE_SET_IRQS.
   *
   * @returns 0 on success. If the sources have too few vectors, returns the number of available
   *   vectors, and MSI-X stays disabled.
   * @throws TypeError and RangeError if the fields do not fit into struct vfio_irq_set
   * @throws {@link VfioError} EINVAL, ENOTTY, ERANGE, EBADF, or the error of a source
   */
  setIrqs(set: IrqSet): number {
    const request = validateIrqSet(set, this.#indexes);
    if (request.type === VFIO_IRQ_SET_DATA_EVENTFD) return this.#setEventfds(request);
    const delivery = this.#delivery;
    if (!delivery.enabled) failSetIrqs('EINVAL');
    if (request.type === VFIO_IRQ_SET_DATA_NONE && request.count === 0) delivery.disable();
    for (const vector of selectedVectors(request)) delivery.consumer(vector)?.signal();
    return 0;
  }

  #setEventfds(request: IrqRequest): number {
    const { start, count } = request;
    if (this.#delivery.enabled) {
      this.#setBlock(request);
      return 0;
    }
    if (start + count === 0) failSetIrqs('ERANGE');
    try {
      this.#delivery.enableExactly(start + count);
    } catch (error) {
      if (error instanceof VfioError && (error.available ?? 0) > 0) return error.available ?? 0;
      throw error;
    }
    try {
      this.#setBlock(request);
    } catch (error) {
      this.#delivery.disable();
      throw error;
    }
    return 0;
  }

  #setBlock(request: IrqRequest): void {
    const delivery = this.#delivery;
    bindBlock(
      request,
      (vector, value) => {
        delivery.bind(vector, eventfdOf(value, SET_IRQS));
      },
      (vector) => {
        delivery.bind(vector, null);
      },
    );
  }
}
