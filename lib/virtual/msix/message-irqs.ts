import {
  bindBlock,
  failSetIrqs,
  type IrqRequest,
  selectedVectors,
} from '../../contract/irq-request.js';
import { VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { Delivery } from './delivery.js';
import { irqEventfds } from './irq-eventfds.js';

/**
 * The rules of SET_IRQS for MSI and MSI-X of a virtual device. The call that enables the index
 * masks every vector. Binding an eventfd unmasks the vector. Unbinding masks the vector.
 */
export class MessageIrqs {
  readonly #delivery: Delivery;
  readonly #canGrow: boolean;
  /** Number of vectors of the last SET_IRQS that enabled the index. */
  #enabledWith = 0;

  /** @param canGrow - whether the capability allows vectors to be added while it is enabled */
  constructor(delivery: Delivery, canGrow: boolean) {
    this.#delivery = delivery;
    this.#canGrow = canGrow;
  }

  get vectors(): number {
    return this.#delivery.vectors;
  }

  get active(): boolean {
    return this.#delivery.enabled;
  }

  /** Whether a vector can be added while the index is enabled (VFIO_IRQ_INFO_NORESIZE is clear). */
  get growable(): boolean {
    return this.#canGrow && this.#delivery.growable;
  }

  /**
   * Performs SET_IRQS.
   *
   * @param available - true if no other interrupt index is active
   * @returns 0, or the number of available vectors if the sources have fewer vectors than requested
   */
  set(request: IrqRequest, available: boolean): number {
    const { type, count } = request;
    if (this.active && type === VFIO_IRQ_SET_DATA_NONE && count === 0) {
      this.disable();
      return 0;
    }
    if (!this.active && !available) failSetIrqs('EINVAL');
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) return this.#setEventfds(request);
    if (!this.active) failSetIrqs('EINVAL');
    for (const vector of selectedVectors(request)) this.#delivery.consumer(vector)?.signal();
    return 0;
  }

  /** Disables the index, and unbinds all eventfds. */
  disable(): void {
    if (this.active) this.#delivery.disable();
  }

  #setEventfds(request: IrqRequest): number {
    if (this.active) {
      this.#setBlock(request);
      return 0;
    }
    const vectors = request.start + request.count;
    if (vectors === 0) failSetIrqs('ERANGE');
    try {
      this.#delivery.enableExactly(vectors);
    } catch (error) {
      if (error instanceof VfioError && (error.available ?? 0) > 0) return error.available ?? 0;
      throw error;
    }
    this.#enabledWith = vectors;
    try {
      this.#setBlock(request);
    } catch (error) {
      this.disable();
      throw error;
    }
    return 0;
  }

  #setBlock(request: IrqRequest): void {
    const delivery = this.#delivery;
    const end = this.growable ? this.vectors : this.#enabledWith;
    bindBlock(
      request,
      (vector, value) => {
        // The kernel looks up the host vector before the eventfd. To unbind needs neither.
        const unbinds = value === null || (typeof value === 'number' && value < 0);
        if (!unbinds && vector >= end) failSetIrqs('EINVAL');
        delivery.bind(vector, irqEventfds.of(value));
      },
      (vector) => {
        delivery.bind(vector, null);
      },
    );
  }
}
