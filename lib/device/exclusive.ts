import type { Irq } from './irq.js';

/**
 * INTx, MSI and MSI-X exclude each other: the kernel answers EINVAL to the second one, and switches
 * nothing by itself.
 */
export class Exclusive {
  #active: Irq | null = null;

  get active(): Irq | null {
    return this.#active;
  }

  /**
   * @param enable - asks the kernel; if it throws, none is active
   * @throws {@link VfioError} EBUSY if another one is active
   */
  enable<T>(irq: Irq, enable: () => T): T {
    if (this.#active !== null && this.#active !== irq) {
      const other = this.#active.name;
      throw irq.error(
        'EBUSY',
        `${irq.name} cannot be enabled while ${other} is active`,
        `Call device.interrupts.${other}.disable() first.`,
      );
    }
    const result = enable();
    this.#active = irq;
    return result;
  }

  /** Idempotent. */
  disable(irq: Irq): void {
    if (this.#active !== irq) return;
    irq.disable();
    this.#active = null;
  }

  /** As {@link disable}, for an end at which nobody can be told of a failure. */
  close(irq: Irq): void {
    if (this.#active !== irq) return;
    this.#active = null;
    try {
      irq.disable();
    } catch {
      // The kernel disables it with the device.
    }
  }
}
