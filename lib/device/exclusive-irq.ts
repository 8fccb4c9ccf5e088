import { IrqOwnership, isIrqOwned } from '../contract/irq-ownership.js';
import type { Handle } from './handle.js';
import type { Irq } from './irq.js';

/**
 * Enables and disables an interrupt index for `device.interrupts`. A source of virtual vectors can
 * own the index instead.
 */
export class ExclusiveIrq {
  readonly #handle: Handle;
  readonly #irq: Irq;
  readonly #ownership: IrqOwnership;

  constructor(handle: Handle, irq: Irq) {
    this.#handle = handle;
    this.#irq = irq;
    this.#ownership = new IrqOwnership(handle.connection, irq.index, {
      name: 'device.interrupts',
      release: `Call device.interrupts.${irq.name}.disable() first.`,
    });
  }

  /** Whether `device.interrupts` has enabled the index. */
  get enabled(): boolean {
    return this.#ownership.held;
  }

  /** Whether the index is enabled, by `device.interrupts` or by a source of virtual vectors. */
  get active(): boolean {
    return this.#handle.isOpen && isIrqOwned(this.#handle.connection, this.#irq.index);
  }

  /**
   * Enables the index.
   * @param enable - enables the index in the kernel; if `enable` throws, the index is not enabled
   * @throws {@link VfioError} EBUSY if a source of virtual vectors owns the index, or if another
   *   one of INTx, MSI and MSI-X is active
   */
  enable<T>(enable: () => T): T {
    return this.#ownership.acquire(enable);
  }

  /** Disables the index if `device.interrupts` has enabled the index. Idempotent. */
  disable(): void {
    if (!this.enabled) return;
    this.#irq.disable();
    this.#ownership.release();
  }

  /** Disables the index when the device closes. Ignores an error of the kernel. */
  close(): void {
    if (!this.enabled) return;
    this.#ownership.release();
    try {
      this.#irq.disable();
    } catch {
      // The kernel disables the index when the device file is closed.
    }
  }
}
