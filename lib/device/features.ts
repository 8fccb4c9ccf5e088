import { closeSync } from 'node:fs';
import type { Eventfd } from '../contract/index.js';
import {
  VFIO_DEVICE_FEATURE_DMA_BUF,
  VFIO_DEVICE_FEATURE_GET,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
  VFIO_DEVICE_FEATURE_MASK,
  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
  VFIO_DEVICE_FEATURE_PROBE,
  VFIO_DEVICE_FEATURE_SET,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { checkBytes, checkInteger, checkOptions } from '../checks.js';
import { checkEventfd } from '../contract/eventfd.js';
import type { Handle } from './handle.js';
import { parseUuid } from '../contract/uuid.js';

/** Whether a feature can be read, and whether the feature can be set. */
export interface FeatureSupport {
  /** Whether the feature can be read (VFIO_DEVICE_FEATURE_GET). */
  readonly get: boolean;
  /** Whether the feature can be set (VFIO_DEVICE_FEATURE_SET). */
  readonly set: boolean;
}

const NO_DATA = new Uint8Array(0);
const EXPORT_HINT = 'To export a BAR as a dma-buf, call device.bar(n).exportDmaBuf().';
/**
 * A probe fails with EINVAL, ENOTTY or EOPNOTSUPP if the feature does not support the probed
 * direction.
 */
const UNSUPPORTED_ERRNOS = [-22, -25, -95];

/** Creates the {@link Features} of a device. */
export let createFeatures: (handle: Handle) => Features;

/** Reads and sets optional features of a device by number (VFIO_DEVICE_FEATURE). */
export class Features {
  readonly #handle: Handle;

  static {
    createFeatures = (handle) => new Features(handle);
  }

  private constructor(handle: Handle) {
    this.#handle = handle;
  }

  /**
   * Probes separately whether a feature can be read and whether the feature can be set. The two
   * results help to identify a feature, because one number can mean different features in different
   * kernels. For example, number 11 is DMA_BUF, which can only be read. A proposal used number 11
   * for MSI_NOVIRT, which can only be set.
   *
   * @param feature - VFIO_DEVICE_FEATURE_*, 0 to 65535
   */
  probe(feature: number): FeatureSupport {
    checkFeature(feature);
    return {
      get: this.#canProbe(feature | VFIO_DEVICE_FEATURE_GET),
      set: this.#canProbe(feature | VFIO_DEVICE_FEATURE_SET),
    };
  }

  /**
   * Reads the data of a feature. Number 11 (DMA_BUF) has no data to read: use
   * {@link Region.exportDmaBuf}.
   *
   * @param size - size of the feature's structure in bytes
   * @throws {@link VfioError} ENOTTY if the kernel or the device does not have the feature; EINVAL
   *   if the feature cannot be read, if its structure is larger than `size`, or for DMA_BUF
   */
  get(feature: number, size: number): Uint8Array {
    checkFeature(feature);
    checkInteger(size, 'size', 0, 2 ** 20);
    const data = new Uint8Array(size);
    const descriptor = this.#callFeature(feature, VFIO_DEVICE_FEATURE_GET, data);
    if (descriptor === 0) return data;
    closeSync(descriptor);
    throw new VfioError({
      code: 'EINVAL',
      message: `feature ${feature} returns a file descriptor, not data`,
      syscall: 'VFIO_DEVICE_FEATURE',
      path: this.#handle.name,
      hint: EXPORT_HINT,
    });
  }

  /** Sets a feature. Throws the same errors as {@link get}. */
  set(feature: number, data: Uint8Array = NO_DATA): void {
    checkFeature(feature);
    checkBytes(data, 'data');
    this.#callFeature(feature, VFIO_DEVICE_FEATURE_SET, data);
  }

  /**
   * Sets the VF token. A program needs this secret to open a virtual function of this SR-IOV
   * device.
   *
   * @param uuid - the token as a UUID, such as `'9c1b1a8e-…'`
   * @throws TypeError if `uuid` is not a UUID
   * @throws {@link VfioError} ENOTTY if the device is not a physical function with SR-IOV
   */
  setVfToken(uuid: string): void {
    this.set(VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, parseUuid(uuid, 'uuid').bytes);
  }

  /**
   * Lets the platform put the device into a low power state. In the low power state, the registers
   * of the device cannot be used, and a read of a mapped register returns all ones.
   *
   * Without `wakeup`, the device enters low power again after each use. If `wakeup` is an eventfd,
   * the first wakeup or the first use of the device ends low power and signals this eventfd.
   *
   * @param options - `wakeup`: an eventfd of the caller
   * @throws {@link VfioError} EINVAL if the device is already in low power; ENOTTY on kernels
   *   before Linux 6.1
   */
  enterLowPower(options: { wakeup?: Eventfd | undefined } = {}): void {
    checkOptions(options, ['wakeup']);
    const { wakeup } = options;
    if (wakeup === undefined) {
      this.set(VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
      return;
    }
    checkEventfd(wakeup, 'wakeup');
    // struct vfio_device_low_power_entry_with_wakeup: s32 wakeup_eventfd, u32 reserved.
    const data = new Uint8Array(8);
    const feature = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
    this.#callFeature(feature, VFIO_DEVICE_FEATURE_SET, data, wakeup);
  }

  /** Returns the device to full power. If the device is at full power, the call has no effect. */
  exitLowPower(): void {
    this.set(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
  }

  #canProbe(flags: number): boolean {
    try {
      this.#handle.connection.feature(flags | VFIO_DEVICE_FEATURE_PROBE, NO_DATA);
      return true;
    } catch (error) {
      if (error instanceof VfioError && UNSUPPORTED_ERRNOS.includes(error.errno)) return false;
      throw error;
    }
  }

  #callFeature(feature: number, direction: number, data: Uint8Array, eventfd?: Eventfd): number {
    try {
      return this.#handle.connection.feature(feature | direction, data, eventfd);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      if (error.code === 'EINVAL' && feature === VFIO_DEVICE_FEATURE_DMA_BUF) {
        throw error.with({ hint: EXPORT_HINT });
      }
      if (error.code !== 'ENOTTY') throw error;
      throw error.with({
        hint: `The kernel or the device does not have feature ${feature}. features.probe(${feature}) checks this without an error.`,
      });
    }
  }
}

function checkFeature(feature: number): void {
  checkInteger(feature, 'feature', 0, VFIO_DEVICE_FEATURE_MASK);
}
