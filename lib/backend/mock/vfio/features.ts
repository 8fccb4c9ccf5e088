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
import { DMA_BUF_HEADER, exportDmaBuf, type ExportableBars } from './dma-buf.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
/** Number of two features: DMA_BUF, or on patched kernels PCI_MSI_NOVIRT. */
const DMA_BUF_OR_NOVIRT = 11;
const VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12;
const UUID_SIZE = 16;
const KNOWN_BITS =
  VFIO_DEVICE_FEATURE_MASK |
  VFIO_DEVICE_FEATURE_GET |
  VFIO_DEVICE_FEATURE_SET |
  VFIO_DEVICE_FEATURE_PROBE;

/** The device that the features act on. */
export interface FeatureTarget {
  readonly bars: ExportableBars;
  /** Whether the device is a physical function of SR-IOV. */
  readonly isPhysicalFunction: boolean;
  readonly hasMsi: boolean;
  /** Shows the message that the host programmed in the MSI registers, from now on. */
  showMessage(): void;
}

/** VFIO_DEVICE_FEATURE, for a function without migration. */
export class Features {
  readonly #profile: Profile;
  readonly #target: FeatureTarget;
  #lowPower = false;
  #wakeup: MockEventfd | null = null;

  constructor(profile: Profile, target: FeatureTarget) {
    this.#profile = profile;
    this.#target = target;
  }

  /** Whether the user has put the device into low power. Mapped BARs then read as all ones. */
  get lowPower(): boolean {
    return this.#lowPower;
  }

  /**
   * Resumes the device (vfio_pci_core_runtime_resume()). Low power ends if it was entered with a
   * wake-up eventfd, which is signalled; without one the device may suspend again.
   */
  resume(): void {
    if (this.#wakeup === null) return;
    this.#wakeup.raise();
    this.#wakeup = null;
    this.#lowPower = false;
  }

  /**
   * Handles a VFIO_DEVICE_FEATURE.
   *
   * @param eventfd - replaces the file descriptor at the start of the data
   * @returns 0, or a file descriptor for DMA_BUF
   * @throws VfioError ENOTTY for a feature that the device does not have; EINVAL for a wrong
   *   request
   */
  use(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    const get = (flags & VFIO_DEVICE_FEATURE_GET) !== 0;
    const set = (flags & VFIO_DEVICE_FEATURE_SET) !== 0;
    const probe = (flags & VFIO_DEVICE_FEATURE_PROBE) !== 0;
    if ((flags & ~KNOWN_BITS) !== 0 || (get && set && !probe)) fail('EINVAL', FEATURE);
    switch (flags & VFIO_DEVICE_FEATURE_MASK) {
      case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
        if (!this.#target.isPhysicalFunction) fail('ENOTTY', FEATURE);
        // The mock has no virtual functions, so the token is not stored.
        checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, UUID_SIZE);
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

  /** Handles GET of DMA_BUF or SET of PCI_MSI_NOVIRT, whichever feature the kernel has. */
  #useDmaBufOrNovirt(flags: number, data: Uint8Array): number {
    const { dmabuf, novirt } = this.#profile;
    if (dmabuf) {
      const isRequest = checkFeature(flags, data, VFIO_DEVICE_FEATURE_GET, DMA_BUF_HEADER);
      return isRequest ? exportDmaBuf(data, this.#target.bars) : 0;
    }
    if (!novirt || !this.#target.hasMsi) fail('ENOTTY', FEATURE);
    if (checkFeature(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#target.showMessage();
    return 0;
  }

  /** @param wakeup - eventfd to signal when the device resumes; null for none */
  #enterLowPower(wakeup: Eventfd | number | null): void {
    const eventfd = eventfdArgument(wakeup, FEATURE);
    if ((eventfd === null && wakeup !== null) || this.#lowPower) fail('EINVAL', FEATURE);
    this.#lowPower = true;
    this.#wakeup = eventfd;
  }
}

/**
 * Checks the request of a feature that has one direction, GET or SET (vfio_check_feature()).
 *
 * @returns false for a probe
 */
function checkFeature(flags: number, data: Uint8Array, direction: number, size: number): boolean {
  const both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
  if ((flags & both & ~direction) !== 0) fail('EINVAL', FEATURE);
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) !== 0) return false;
  if ((flags & direction) === 0 || data.length < size) fail('EINVAL', FEATURE);
  return true;
}
