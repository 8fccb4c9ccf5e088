import type { Irq } from './irq.js';

/**
 * Allows only one of INTx, MSI and MSI-X at a time. While one of the three is active, the kernel
 * refuses to enable another one with EINVAL.
 */
export class Exclusive {
  #active: Irq | null = null;

  get active(): Irq | null {
    return this.#active;
  }

  /**
   * Enables an interrupt index and marks the index as active.
   * @param enable - enables the index in the kernel; if `enable` throws, the index is not active
   * @throws {@link VfioError} EBUSY if another index is active
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

  /** Disables the index if the index is active. Idempotent. */
  disable(irq: Irq): void {
    if (this.#active !== irq) return;
    irq.disable();
    this.#active = null;
  }

  /** Disables the index when the device closes. Ignores an error of the kernel. */
  close(irq: Irq): void {
    if (this.#active !== irq) return;
    this.#active = null;
    try {
      irq.disable();
    } catch {
      // The kernel disables the index when the device file is closed.
    }
  }
}
