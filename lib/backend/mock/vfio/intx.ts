import { SET_IRQS, selectedVectors, type IrqRequest } from '../../../contract/irq-request.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { eventfdArgument, type MockEventfd } from '../machine/eventfd.js';
import type { HardwareFunction } from '../hardware/function.js';
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../hardware/pci.js';
import { Virqfd } from '../machine/virqfd.js';

interface Active {
  trigger: MockEventfd | null;
  masked: boolean;
  resample: Virqfd | null;
}

/**
 * INTx of a PCI 2.3 function. Each interrupt masks the interrupt pin by bit 10 of the command
 * register.
 */
export class Intx {
  readonly #hardware: HardwareFunction;
  /** Returns bit 10 (INTx disable) of the user's command register. */
  readonly #disabledByUser: () => boolean;
  #active: Active | null = null;

  constructor(hardware: HardwareFunction, disabledByUser: () => boolean) {
    this.#hardware = hardware;
    this.#disabledByUser = disabledByUser;
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
    this.#disablePin(true);
    this.#active.masked = true;
    this.#signal();
  }

  /**
   * Masks or unmasks the pin after a change of bit 10 in the user's command register, even if INTx
   * is not active.
   */
  userDisabled(disabled: boolean): void {
    if (this.#active === null) this.#disablePin(disabled);
    else if (disabled) this.#mask(this.#active);
    else this.#unmask(this.#active);
  }

  #setMask(request: IrqRequest): void {
    const { type, start, count } = request;
    if (this.#active === null || start !== 0 || count !== 1) return fail('EINVAL', SET_IRQS);
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) fail('ENOTTY', SET_IRQS);
    if (selectedVectors(request).length > 0) this.#mask(this.#active);
  }

  #setUnmask(request: IrqRequest): void {
    const { type, start, count, eventfd } = request;
    const active = this.#active;
    if (active === null || start !== 0 || count !== 1) return fail('EINVAL', SET_IRQS);
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) {
      const resample = eventfdArgument(eventfd(0), SET_IRQS);
      if (resample === null) {
        active.resample?.release();
        active.resample = null;
        return;
      }
      if (active.resample !== null) fail('EBUSY', SET_IRQS);
      const unmask = () => {
        this.#unmask(active);
      };
      active.resample = new Virqfd(resample, unmask, () => {
        active.resample = null;
      });
    } else if (selectedVectors(request).length > 0) {
      this.#unmask(active);
    }
  }

  #setTrigger(request: IrqRequest, available: boolean): void {
    const { type, start, count, eventfd } = request;
    if (this.#active !== null && count === 0 && type === VFIO_IRQ_SET_DATA_NONE) {
      this.disable();
      return;
    }
    if (this.#active === null && !available) fail('EINVAL', SET_IRQS);
    if (start !== 0 || count !== 1) fail('EINVAL', SET_IRQS);
    if (type === VFIO_IRQ_SET_DATA_EVENTFD) {
      const trigger = eventfdArgument(eventfd(0), SET_IRQS);
      if (this.#active === null) this.#enable(trigger);
      else this.#active.trigger = trigger;
      return;
    }
    if (this.#active === null) fail('EINVAL', SET_IRQS);
    if (selectedVectors(request).length > 0) this.#signal();
  }

  #enable(trigger: MockEventfd | null): void {
    const masked = this.#disabledByUser();
    this.#active = { trigger, masked, resample: null };
    this.#disablePin(masked);
    if (this.#hardware.pin) this.interrupt();
  }

  #mask(active: Active): void {
    if (active.masked) return;
    this.#disablePin(true);
    active.masked = true;
  }

  /**
   * Unmasks the pin. If the pin is still asserted, signals the eventfd again and leaves the pin
   * masked.
   */
  #unmask(active: Active): void {
    if (!active.masked || this.#disabledByUser()) return;
    if (this.#hardware.pin) {
      this.#signal();
      return;
    }
    this.#disablePin(false);
    active.masked = false;
  }

  #signal(): void {
    if (!this.#disabledByUser()) this.#active?.trigger?.raise();
  }

  #disablePin(disabled: boolean): void {
    this.#hardware.updateConfig(PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, disabled);
  }
}
