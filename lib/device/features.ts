import type { Eventfd } from '../contract/index.js';
import {
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

/** What can be done with a feature. */
export interface FeatureSupport {
  /** VFIO_DEVICE_FEATURE_GET. */
  readonly get: boolean;
  /** VFIO_DEVICE_FEATURE_SET. */
  readonly set: boolean;
}

const NO_DATA = new Uint8Array(0);
/** EINVAL, ENOTTY, EOPNOTSUPP: how kernels and drivers say that a direction is not there. */
const NOT_THERE = [-22, -25, -95];

/** Creates the {@link Features} of a device. */
export let createFeatures: (handle: Handle) => Features;

/** Extensions of a device by number: VFIO_DEVICE_FEATURE. */
export class Features {
  readonly #handle: Handle;

  static {
    createFeatures = (handle) => new Features(handle);
  }

  private constructor(handle: Handle) {
    this.#handle = handle;
  }

  /**
   * Asks by direction, since one number can mean different things in different kernels: 11 is
   * DMA_BUF and read, and was proposed as MSI_NOVIRT, which is set.
   *
   * @param feature - VFIO_DEVICE_FEATURE_*, 0 to 65535
   */
  probe(feature: number): FeatureSupport {
    checkFeature(feature);
    return {
      get: this.#probe(feature | VFIO_DEVICE_FEATURE_GET),
      set: this.#probe(feature | VFIO_DEVICE_FEATURE_SET),
    };
  }

  /**
   * Reads a feature's data.
   *
   * @param size - bytes of the structure that is read
   * @throws {@link VfioError} ENOTTY if kernel or device do not know it, EINVAL if it cannot be
   *   read or is longer
   */
  get(feature: number, size: number): Uint8Array {
    checkFeature(feature);
    checkInteger(size, 'size', 0, 2 ** 20);
    const data = new Uint8Array(size);
    this.#call(feature, VFIO_DEVICE_FEATURE_GET, data);
    return data;
  }

  /** Sets a feature. Errors as {@link get}. */
  set(feature: number, data: Uint8Array = NO_DATA): void {
    checkFeature(feature);
    checkBytes(data, 'data');
    this.#call(feature, VFIO_DEVICE_FEATURE_SET, data);
  }

  /**
   * Sets the token by which the virtual functions of this SR-IOV device are opened.
   *
   * @param uuid - `'9c1b1a8e-…'`
   * @throws TypeError if it is no UUID
   * @throws {@link VfioError} ENOTTY if the device is not a physical function with SR-IOV
   */
  setVfToken(uuid: string): void {
    this.set(VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, parseUuid(uuid, 'uuid').bytes);
  }

  /**
   * Lets the platform put the device into a low power state. Until it has left it, its registers
   * cannot be used: mapped ones read as all ones.
   *
   * @param options - `wakeup` is signalled when the device leaves the state, by itself or because
   *   it is used; it is then out of it for good. Without one it goes back after each use.
   * @throws {@link VfioError} EINVAL if it is in low power already; ENOTTY before Linux 6.1
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
    this.#call(feature, VFIO_DEVICE_FEATURE_SET, data, wakeup);
  }

  /** Takes it back to full power; nothing happens if it is there. */
  exitLowPower(): void {
    this.set(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
  }

  #probe(flags: number): boolean {
    try {
      this.#handle.connection.feature(flags | VFIO_DEVICE_FEATURE_PROBE, NO_DATA);
      return true;
    } catch (error) {
      if (error instanceof VfioError && NOT_THERE.includes(error.errno)) return false;
      throw error;
    }
  }

  #call(feature: number, direction: number, data: Uint8Array, eventfd?: Eventfd): void {
    try {
      this.#handle.connection.feature(feature | direction, data, eventfd);
    } catch (error) {
      if (!(error instanceof VfioError && error.code === 'ENOTTY')) throw error;
      throw error.with({
        hint: `This kernel, or this device, does not have feature ${feature}. features.probe(${feature}) tells without an error.`,
      });
    }
  }
}

function checkFeature(feature: number): void {
  checkInteger(feature, 'feature', 0, VFIO_DEVICE_FEATURE_MASK);
}
