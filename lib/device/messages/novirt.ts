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
 * State of MSI_NOVIRT.
 *
 * - `'absent'`: the kernel or the device does not have the feature.
 * - `'available'`: the MSI registers are virtual, and the feature can be enabled.
 * - `'on'`: the MSI registers show the physical message until the device is closed.
 */
export type NovirtState = 'absent' | 'available' | 'on';

/** The number of this feature in the proposal for Linux. Since Linux 6.19, number 11 is DMA_BUF. */
const PROPOSED_NUMBER = 11;
const FEATURE = 'VFIO_DEVICE_FEATURE';
const NO_DATA = new Uint8Array(0);

/** Creates the {@link Novirt} of a device. */
export let createNovirt: (handle: Handle, onEnable: () => void) => Novirt;

/**
 * VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT: shows the physical message in the registers of the MSI
 * capability. Without this feature the kernel virtualizes these registers.
 *
 * No released kernel has the feature. The library first checks that the feature with this number
 * can be set and cannot be read. If this check fails, the library never sets the feature.
 */
export class Novirt {
  readonly #handle: Handle;
  readonly #onEnable: () => void;
  #number = PROPOSED_NUMBER;
  #available: boolean | undefined;
  #isEnabled = false;

  static {
    createNovirt = (handle, onEnable) => new Novirt(handle, onEnable);
  }

  private constructor(handle: Handle, onEnable: () => void) {
    this.#handle = handle;
    this.#onEnable = onEnable;
  }

  /**
   * Number of the feature, 11 by default. If your kernel uses another number, set this property (12
   * to 65535). Numbers below 11 are refused, because every kernel uses these numbers for other
   * features.
   */
  get number(): number {
    return this.#number;
  }

  /** @throws RangeError if the number is below 11; {@link VfioError} EBUSY if the feature is on */
  set number(value: number) {
    checkInteger(value, 'number', PROPOSED_NUMBER, VFIO_DEVICE_FEATURE_MASK);
    if (this.#isEnabled && value !== this.#number) {
      throw new VfioError({
        code: 'EBUSY',
        message: `MSI_NOVIRT is on as feature ${this.#number}`,
        path: this.#handle.name,
      });
    }
    if (value !== this.#number) this.#available = undefined;
    this.#number = value;
  }

  /** State of the feature. The first read makes two probes, which do not change the device. */
  get state(): NovirtState {
    if (!this.#handle.isOpen) throw this.#handle.closedError();
    if (this.#isEnabled) return 'on';
    this.#available ??=
      this.#probe(VFIO_DEVICE_FEATURE_SET) === '' &&
      this.#probe(VFIO_DEVICE_FEATURE_GET) === 'EINVAL';
    return this.#available ? 'available' : 'absent';
  }

  /**
   * Enables the feature. **The feature stays on until the device is closed.** While the feature is
   * on, the address and data registers of the MSI capability show the message that the host
   * programmed. The kernel drops writes to these registers. The first dropped write emits the
   * process warning `VFIO_MSI_NOVIRT_WRITE`. Idempotent.
   *
   * @throws {@link VfioError} ENOTSUP if MSI_NOVIRT is absent; no feature is set in this case
   */
  enable(): void {
    const { state } = this;
    if (state === 'on') return;
    if (state === 'absent') throw this.#absentError();
    this.#handle.connection.feature(this.#number | VFIO_DEVICE_FEATURE_SET, NO_DATA);
    this.#isEnabled = true;
    this.#onEnable();
  }

  /** The reason why the feature is absent. */
  get reason(): string {
    const readable = this.#probe(VFIO_DEVICE_FEATURE_GET) === '';
    return readable
      ? `feature ${this.#number} of this kernel can be read, so it is not PCI_MSI_NOVIRT (since Linux 6.19, feature 11 is DMA_BUF)`
      : `neither the kernel nor the device has feature ${this.#number} as PCI_MSI_NOVIRT`;
  }

  #absentError(): VfioError {
    return new VfioError({
      code: 'ENOTSUP',
      message: this.reason,
      syscall: FEATURE,
      path: this.#handle.name,
      hint: NOVIRT_HINT,
    });
  }

  /**
   * @returns '' if the feature supports this direction, or the error code of the kernel if the
   * feature does not
   */
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

export const NOVIRT_HINT =
  'If the device has MSI-X, use MSI-X: its table can be read through the mapped BAR. If the device has no MSI-X, use a kernel with PCI_MSI_NOVIRT, such as the kernel that scripts/build-lab-kernel --novirt builds. If that kernel uses another feature number, set messages.novirt.number.';
