import { failSetIrqs, type IrqEventfds, type IrqRequest, selectedVectors } from './irq-request.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from './uapi.js';

/** The interrupt pin of a function. */
export interface IntxPin {
  /** Whether the function asserts its interrupt. */
  readonly asserted: boolean;
  /** Whether the user has set bit 10 (INTx disable) of the command register. */
  readonly disabledByUser: boolean;
  /** Stops the function from driving the pin, or lets the function drive the pin again. */
  disable(disabled: boolean): void;
}

/** A resample eventfd that is bound to INTx. */
export interface Resample {
  /** Whether the eventfd was closed. A closed eventfd is no longer bound. */
  readonly ended: boolean;
  /** Unbinds the eventfd and resets its counter. */
  release(): void;
}

/** The operations of a device on the eventfds of INTx. */
export interface IntxEventfds<E> extends IrqEventfds<E> {
  /** Calls `onSignal` at each signal of a resample eventfd, and resets its counter. */
  watch(eventfd: E, onSignal: () => void): Resample;
}

interface Active<E> {
  trigger: E | null;
  masked: boolean;
  resample: Resample | null;
}

/**
 * The rules of SET_IRQS for INTx of a PCI 2.3 function (vfio_pci_intrs.c). Each interrupt masks the
 * pin. An unmask of a pin that is still asserted signals the eventfd again.
 */
export class Intx<E> {
  readonly #pin: IntxPin;
  readonly #eventfds: IntxEventfds<E>;
  #active: Active<E> | null = null;

  constructor(pin: IntxPin, eventfds: IntxEventfds<E>) {
    this.#pin = pin;
    this.#eventfds = eventfds;
  }

  get active(): boolean {
    return this.#active !== null;
  }

  /** @param available - true if no other interrupt index is active */
  set(request: IrqRequest, available: boolean): void {
    const { action } = request;
    if (action === VFIO_IRQ_SET_ACTION_MASK) this.#setMask(request);
    else if (action === VFIO_IRQ_SET_ACTION_UNMASK) this.#setUnmask(request);
    else this.#setTrigger(request, available);
  }

  disable(): void {
    this.#active?.resample?.release();
    this.#active = null;
  }

  /**
   * Signals the interrupt of an asserted pin, and masks the pin. A later unmask operation unmasks
   * the pin.
   */
  interrupt(): void {
    if (this.#active === null || this.#active.masked) return;
    this.#pin.disable(true);
    this.#active.masked = true;
    this.#signal();
  }

  /**
   * Masks or unmasks the pin after a change of bit 10 in the user's command register, even if INTx
   * is not active.
   */
  userDisabled(disabled: boolean): void {
    if (this.#active === null) this.#pin.disable(disabled);
    else if (disabled) this.#mask(this.#active);
    else this.#unmask(this.#active);
  }

  #setMask(request: IrqRequest): void {
    const { type, start, count } = request;
    if (this.#active === null || start !== 0 || count !== 1) return failSetIrqs('EINVAL');
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) failSetIrqs('ENOTTY');
    if (selectedVectors(request).length > 0) this.#mask(this.#active);
  }

  #setUnmask(request: IrqRequest): void {
    const { type, start, count, eventfd } = request;
    const active = this.#active;
    if (active === null || start !== 0 || count !== 1) return failSetIrqs('EINVAL');
    if (type !== VFIO_IRQ_SET_DATA_EVENTFD) {
      if (selectedVectors(request).length > 0) this.#unmask(active);
      return;
    }
    const resample = this.#eventfds.of(eventfd(0));
    if (resample === null) {
      active.resample?.release();
      active.resample = null;
      return;
    }
    if (active.resample?.ended === false) failSetIrqs('EBUSY');
    active.resample = this.#eventfds.watch(resample, () => {
      this.#unmask(active);
    });
  }

  #setTrigger(request: IrqRequest, available: boolean): void {
    const { type, start, count, eventfd } = request;
    if (this.#active !== null && count === 0 && type === VFIO_IRQ_SET_DATA_NONE) {
      this.disable();
      return;
    }
    if (this.#active === null && !available) failSetIrqs('EINVAL');
    if (start !== 0 || count !== 1) failSetIrqs('EINVAL');
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) {
      const trigger = this.#eventfds.of(eventfd(0));
      if (this.#active === null) this.#enable(trigger);
      else this.#active.trigger = trigger;
      return;
    }
    if (this.#active === null) failSetIrqs('EINVAL');
    if (selectedVectors(request).length > 0) this.#signal();
  }

  #enable(trigger: E | null): void {
    const masked = this.#pin.disabledByUser;
    this.#active = { trigger, masked, resample: null };
    this.#pin.disable(masked);
    if (this.#pin.asserted) this.interrupt();
  }

  #mask(active: Active<E>): void {
    if (active.masked) return;
    this.#pin.disable(true);
    active.masked = true;
  }

  /**
   * Unmasks the pin. If the pin is still asserted, signals the eventfd again and leaves the pin
   * masked.
   */
  #unmask(active: Active<E>): void {
    if (!active.masked || this.#pin.disabledByUser) return;
    if (this.#pin.asserted) {
      this.#signal();
      return;
    }
    this.#pin.disable(false);
    active.masked = false;
  }

  #signal(): void {
    const trigger = this.#active?.trigger ?? null;
    if (trigger !== null && !this.#pin.disabledByUser) this.#eventfds.raise(trigger);
  }
}
