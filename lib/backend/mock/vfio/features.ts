import {
  VFIO_DEVICE_FEATURE_GET,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
  VFIO_DEVICE_FEATURE_MASK,
  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
  VFIO_DEVICE_FEATURE_PROBE,
  VFIO_DEVICE_FEATURE_SET,
} from '../../../contract/uapi.js';
import type { Eventfd } from '../../../contract/index.js';
import { fail } from '../machine/errno.js';
import { eventfdArgument, type MockEventfd } from '../machine/eventfd.js';
import type { Profile } from '../machine/profile.js';
import { DMA_BUF_HEADER, type DmaBufs } from './dma-buf.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
/** Feature number 11 means DMA_BUF, or PCI_MSI_NOVIRT on a patched kernel. */
const DMA_BUF_OR_NOVIRT = 11;
const VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12;
const UUID_SIZE = 16;
const KNOWN_BITS =
  VFIO_DEVICE_FEATURE_MASK |
  VFIO_DEVICE_FEATURE_GET |
  VFIO_DEVICE_FEATURE_SET |
  VFIO_DEVICE_FEATURE_PROBE;

/** The device to which the features belong. */
export interface FeatureTarget {
  readonly dmaBufs: DmaBufs;
  /** Whether the device is a physical function of SR-IOV. */
  readonly isPhysicalFunction: boolean;
  readonly hasMsi: boolean;
  /** Sets the VF token: 16 bytes. */
  setToken(token: Uint8Array): void;
  /** After this call, the MSI registers show the message that the host has programmed. */
  showMessage(): void;
}

/** Implements VFIO_DEVICE_FEATURE for a function that does not support migration. */
export class Features {
  readonly #profile: Profile;
  readonly #target: FeatureTarget;
  #lowPower = false;
  #wakeup: MockEventfd | null = null;

  constructor(profile: Profile, target: FeatureTarget) {
    this.#profile = profile;
    this.#target = target;
  }

  /**
   * Whether the user has put the device into low power. In low power, mapped BARs read as all ones.
   */
  get lowPower(): boolean {
    return this.#lowPower;
  }

  /**
   * Resumes the device (vfio_pci_core_runtime_resume()). If low power was entered with a wake-up
   * eventfd, the eventfd is signalled and low power ends. Without a wake-up eventfd, low power does
   * not end, and the device can suspend again.
   */
  resume(): void {
    if (this.#wakeup === null) return;
    this.#wakeup.raise();
    this.#wakeup = null;
    this.#lowPower = false;
  }

  /**
   * Executes a VFIO_DEVICE_FEATURE request.
   *
   * @param eventfd - eventfd that replaces the file descriptor at the start of `data`
   * @returns 0, or a file descriptor for DMA_BUF
   * @throws VfioError ENOTTY if the device does not have the feature; EINVAL for an invalid request
   */
  use(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    const get = (flags & VFIO_DEVICE_FEATURE_GET) !== 0;
    const set = (flags & VFIO_DEVICE_FEATURE_SET) !== 0;
    const probe = (flags & VFIO_DEVICE_FEATURE_PROBE) !== 0;
    if ((flags & ~KNOWN_BITS) !== 0 || (get && set && !probe)) fail('EINVAL', FEATURE);
    switch (flags & VFIO_DEVICE_FEATURE_MASK) {
      case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
        if (!this.#target.isPhysicalFunction) fail('ENOTTY', FEATURE);
        if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, UUID_SIZE)) {
          this.#target.setToken(data.subarray(0, UUID_SIZE));
        }
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
        if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#enterLowPower(null);
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
        if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, 8)) {
          const fd = new DataView(data.buffer, data.byteOffset).getInt32(0, true);
          this.#enterLowPower(eventfd ?? fd);
        }
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
        if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#lowPower = false;
        return 0;
      case VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2:
        return fail(this.#profile.precopyInfo ? 'EINVAL' : 'ENOTTY', FEATURE);
      case DMA_BUF_OR_NOVIRT:
        return this.#useDmaBufOrNovirt(flags, data);
      default:
        return fail('ENOTTY', FEATURE);
    }
  }

  /** Executes a request for feature 11: GET of DMA_BUF, or SET of PCI_MSI_NOVIRT. */
  #useDmaBufOrNovirt(flags: number, data: Uint8Array): number {
    const { dmabuf, novirt } = this.#profile;
    if (dmabuf) {
      const isRequest = checkFeature(flags, data, VFIO_DEVICE_FEATURE_GET, DMA_BUF_HEADER);
      return isRequest ? this.#target.dmaBufs.export(data) : 0;
    }
    if (!novirt || !this.#target.hasMsi) fail('ENOTTY', FEATURE);
    if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#target.showMessage();
    return 0;
  }

  /** @param wakeup - eventfd that is signalled when the device resumes, or null for no eventfd */
  #enterLowPower(wakeup: Eventfd | number | null): void {
    const eventfd = eventfdArgument(wakeup, FEATURE);
    if ((eventfd === null && wakeup !== null) || this.#lowPower) fail('EINVAL', FEATURE);
    this.#lowPower = true;
    this.#target.dmaBufs.revoke();
    this.#wakeup = eventfd;
  }
}

/**
 * Checks a request for a feature that supports either GET or SET, but not both
 * (vfio_check_feature()).
 *
 * @returns false if the request is only a probe
 */
function checkFeature(flags: number, data: Uint8Array, direction: number, size: number): boolean {
  const both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
  if ((flags & both & ~direction) !== 0) fail('EINVAL', FEATURE);
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) !== 0) return false;
  if ((flags & direction) === 0 || data.length < size) fail('EINVAL', FEATURE);
  return true;
}
