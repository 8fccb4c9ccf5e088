import {
  VFIO_DEVICE_FEATURE_GET,
  VFIO_DEVICE_FEATURE_MASK,
  VFIO_DEVICE_FEATURE_PROBE,
  VFIO_DEVICE_FEATURE_SET,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import { checkInteger } from '../../checks.js';
import type { Handle } from '../handle.js';

/**
 * `'absent'`: kernel or device do not have it; `'available'`: MSI registers are virtual, and it can
 * be switched on; `'on'`: they show what the host programmed, until the device is closed.
 */
export type NovirtState = 'absent' | 'available' | 'on';

/** As proposed for Linux. From Linux 6.19 on the number is that of DMA_BUF. */
const PROPOSED_NUMBER = 11;
const FEATURE = 'VFIO_DEVICE_FEATURE';
const NO_DATA = new Uint8Array(0);

/** Creates the {@link Novirt} of a device. */
export let createNovirt: (handle: Handle, onEnable: () => void) => Novirt;

/**
 * VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT: shows the physical message in the registers of the MSI
 * capability, which the kernel virtualizes otherwise. No released kernel has it; the number is taken
 * for this feature only if it can be set and cannot be read, and is never set otherwise.
 */
export class Novirt {
  readonly #handle: Handle;
  readonly #onEnable: () => void;
  #number = PROPOSED_NUMBER;
  #available: boolean | undefined;
  #on = false;

  static {
    createNovirt = (handle, onEnable) => new Novirt(handle, onEnable);
  }

  private constructor(handle: Handle, onEnable: () => void) {
    this.#handle = handle;
    this.#onEnable = onEnable;
  }

  /**
   * The feature's number, 11 by default: for a kernel that has it under another, 12 to 65535. Those
   * below 11 are other features of every kernel, and some of them can be set and not read as well.
   */
  get number(): number {
    return this.#number;
  }

  /** @throws RangeError below 11; {@link VfioError} EBUSY once it is on */
  set number(value: number) {
    checkInteger(value, 'number', PROPOSED_NUMBER, VFIO_DEVICE_FEATURE_MASK);
    if (this.#on && value !== this.#number) {
      throw new VfioError({
        code: 'EBUSY',
        message: `MSI_NOVIRT is on as feature ${this.#number}`,
        path: this.#handle.name,
      });
    }
    if (value !== this.#number) this.#available = undefined;
    this.#number = value;
  }

  /** Asks the kernel once, by two probes that change nothing. */
  get state(): NovirtState {
    if (!this.#handle.isOpen) throw this.#handle.closedError();
    if (this.#on) return 'on';
    this.#available ??=
      this.#probe(VFIO_DEVICE_FEATURE_SET) === '' &&
      this.#probe(VFIO_DEVICE_FEATURE_GET) === 'EINVAL';
    return this.#available ? 'available' : 'absent';
  }

  /**
   * Switches it on. **It cannot be undone until the device is closed:** from now on address and data
   * of the MSI capability read as the host programmed them, and the kernel drops writes to them (a
   * process warning `VFIO_MSI_NOVIRT_WRITE` tells of the first). Idempotent.
   *
   * @throws {@link VfioError} ENOTSUP if it is absent; nothing was set then
   */
  enable(): void {
    const { state } = this;
    if (state === 'on') return;
    if (state === 'absent') throw this.#absentError();
    this.#handle.connection.feature(this.#number | VFIO_DEVICE_FEATURE_SET, NO_DATA);
    this.#on = true;
    this.#onEnable();
  }

  /** Why it is absent. */
  get reason(): string {
    const readable = this.#probe(VFIO_DEVICE_FEATURE_GET) === '';
    return readable
      ? `feature ${this.#number} of this kernel can be read: it is another one (DMA_BUF from Linux 6.19 on), not PCI_MSI_NOVIRT`
      : `neither the kernel nor the device has feature ${this.#number} as PCI_MSI_NOVIRT`;
  }

  #absentError(): VfioError {
    return new VfioError({
      code: 'ENOTSUP',
      message: this.reason,
      syscall: FEATURE,
      path: this.#handle.name,
      hint: WAYS_OUT,
    });
  }

  /** @returns '' if it can be done in that direction, or the code of the kernel's answer */
  #probe(direction: number): string {
    const flags = this.#number | direction | VFIO_DEVICE_FEATURE_PROBE;
    try {
      this.#handle.connection.feature(flags, NO_DATA);
      return '';
    } catch (error) {
      if (!(error instanceof VfioError) || error.code === 'EBADF') throw error;
      return error.code;
    }
  }
}

export const WAYS_OUT =
  'Use MSI-X where the device has it, whose table can be read through the mapped BAR; or a kernel with PCI_MSI_NOVIRT, such as scripts/build-lab-kernel --novirt makes; if it has another number there, set messages.novirt.number.';
