import type { Eventfd, IrqInfo, IrqSet } from '../../contract/index.js';
import {
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
} from '../../contract/uapi.js';
import { checkInteger } from '../../checks.js';
import { VfioError } from '../../errors.js';
import type { Delivery } from './delivery.js';
import { fail, type IrqRequest, validate } from './irq-request.js';
import type { VirtualMsix } from './virtual-msix.js';

/**
 * The second front door of a virtual device: VFIO_DEVICE_GET_IRQ_INFO and VFIO_DEVICE_SET_IRQS with
 * the meaning and the errno they have for a vfio-pci device of Linux 6.5 or later, so that a VMM
 * drives it as it does a device of the kernel. It does to the virtual function what vfio-pci does to
 * a real one: enabling sets Enable with every vector masked; binding an eventfd unmasks the vector;
 * taking it masks the vector, whose interrupts are then pending.
 *
 * Only MSI-X is there; the other indexes have no vector. A number of a file descriptor stands for
 * no eventfd here: EBADF.
 *
 * @example
 * const irqs = new VirtualIrqs(msix);
 * irqs.setIrqs({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] });
 */
export class VirtualIrqs {
  readonly #vectors: number;
  readonly #delivery: Delivery;

  constructor(msix: VirtualMsix) {
    this.#vectors = msix.vectors;
    this.#delivery = msix.delivery;
  }

  /** VFIO_DEVICE_GET_IRQ_INFO. @throws {@link VfioError} EINVAL */
  getIrqInfo(index: number): IrqInfo {
    checkInteger(index, 'index', 0, 2 ** 32 - 1);
    if (index >= VFIO_PCI_NUM_IRQS) {
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO' });
    }
    const growable = index === VFIO_PCI_MSIX_IRQ_INDEX && this.#delivery.growable;
    const flags = VFIO_IRQ_INFO_EVENTFD | (growable ? 0 : VFIO_IRQ_INFO_NORESIZE);
    return { index, flags, count: this.#count(index) };
  }

  /**
   * VFIO_DEVICE_SET_IRQS.
   *
   * @returns 0, or how many vectors there are where these are fewer than asked for: then nothing is
   *   enabled
   * @throws TypeError and RangeError for what is no struct vfio_irq_set
   * @throws {@link VfioError} EINVAL, ENOTTY, ERANGE, EBADF, and what a source says
   */
  setIrqs(set: IrqSet): number {
    const request = validate(set, this.#count(set.index));
    const { type, start, count } = request;
    const { enabled } = this.#delivery;
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) return this.#setEventfds(request);
    if (!enabled) fail('EINVAL');
    const none = type === VFIO_IRQ_SET_DATA_NONE;
    if (none && count === 0) {
      this.#delivery.disable();
      return 0;
    }
    for (let i = 0; i < count; i++) {
      if (none || request.bool(i)) this.#delivery.consumer(start + i)?.signal();
    }
    return 0;
  }

  #setEventfds(request: IrqRequest): number {
    const { start, count } = request;
    if (this.#delivery.enabled) {
      this.#setBlock(request);
      return 0;
    }
    if (start + count === 0) fail('ERANGE');
    try {
      this.#delivery.enableFor(start + count);
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

  /** A failure takes what was bound from the start of the block with it. */
  #setBlock({ start, count, eventfd }: IrqRequest): void {
    for (let i = 0; i < count; i++) {
      try {
        this.#setVector(start + i, eventfd(i));
      } catch (error) {
        for (let j = 0; j <= i; j++) this.#delivery.bind(start + j, null);
        throw error;
      }
    }
  }

  #setVector(vector: number, value: Eventfd | null | number): void {
    if (value === null || (typeof value === 'number' && value < 0)) {
      this.#delivery.bind(vector, null);
      return;
    }
    // Standard input, output and error are open files, and none of them an eventfd.
    if (typeof value === 'number') fail(value <= 2 ? 'EINVAL' : 'EBADF');
    this.#delivery.bind(vector, value);
  }

  #count(index: number): number {
    return index === VFIO_PCI_MSIX_IRQ_INDEX ? this.#vectors : 0;
  }
}
