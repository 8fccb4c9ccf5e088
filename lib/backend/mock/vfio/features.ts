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
import { DMA_BUF_HEADER, exportDmaBuf, type Exportable } from './dma-buf.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
/** VFIO_DEVICE_FEATURE_DMA_BUF, and on other kernels VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT. */
const ELEVEN = 11;
const VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12;
const UUID_SIZE = 16;
const KNOWN_BITS =
  VFIO_DEVICE_FEATURE_MASK |
  VFIO_DEVICE_FEATURE_GET |
  VFIO_DEVICE_FEATURE_SET |
  VFIO_DEVICE_FEATURE_PROBE;

/** What features do to a device, and ask of it. */
export interface FeatureTarget {
  readonly bars: Exportable;
  /** Whether it is a physical function of SR-IOV. */
  readonly isPhysicalFunction: boolean;
  readonly hasMsi: boolean;
  /** From now on the MSI registers show the message that the host programmed. */
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

  /** Whether the user let go of the device: what is mapped is then out of reach. */
  get lowPower(): boolean {
    return this.#lowPower;
  }

  /** The device leaves low power: for good if somebody is told (vfio_pci_core_runtime_resume()). */
  resume(): void {
    if (this.#wakeup === null) return;
    this.#wakeup.raise();
    this.#wakeup = null;
    this.#lowPower = false;
  }

  /**
   * @param eventfd - instead of the number that the data begins with
   * @returns 0, or a file descriptor for DMA_BUF
   * @throws VfioError ENOTTY for a feature the device has not, EINVAL for a wrong request
   */
  use(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    const get = (flags & VFIO_DEVICE_FEATURE_GET) !== 0;
    const set = (flags & VFIO_DEVICE_FEATURE_SET) !== 0;
    const probe = (flags & VFIO_DEVICE_FEATURE_PROBE) !== 0;
    if ((flags & ~KNOWN_BITS) !== 0 || (get && set && !probe)) fail('EINVAL', FEATURE);
    switch (flags & VFIO_DEVICE_FEATURE_MASK) {
      case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
        if (!this.#target.isPhysicalFunction) fail('ENOTTY', FEATURE);
        // There are no virtual functions for the token to guard.
        checked(flags, data, VFIO_DEVICE_FEATURE_SET, UUID_SIZE);
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
        if (checked(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#enter(null);
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
        if (checked(flags, data, VFIO_DEVICE_FEATURE_SET, 8)) {
          this.#enter(eventfd ?? new DataView(data.buffer, data.byteOffset).getInt32(0, true));
        }
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
        if (checked(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#lowPower = false;
        return 0;
      case VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2:
        return fail(this.#profile.precopyInfo ? 'EINVAL' : 'ENOTTY', FEATURE);
      case ELEVEN:
        return this.#useEleven(flags, data);
      default:
        return fail('ENOTTY', FEATURE);
    }
  }

  /** DMA_BUF, which is read, or MSI_NOVIRT, which is set, or neither. */
  #useEleven(flags: number, data: Uint8Array): number {
    const { dmabuf, novirt } = this.#profile;
    if (dmabuf) {
      const asked = checked(flags, data, VFIO_DEVICE_FEATURE_GET, DMA_BUF_HEADER);
      return asked ? exportDmaBuf(data, this.#target.bars) : 0;
    }
    if (!novirt || !this.#target.hasMsi) fail('ENOTTY', FEATURE);
    if (checked(flags, data, VFIO_DEVICE_FEATURE_SET, 0)) this.#target.showMessage();
    return 0;
  }

  /** @param wakeup - null if nobody is told when it ends */
  #enter(wakeup: Eventfd | number | null): void {
    const told = eventfdArgument(wakeup, FEATURE);
    if ((told === null && wakeup !== null) || this.#lowPower) fail('EINVAL', FEATURE);
    this.#lowPower = true;
    this.#wakeup = told;
  }
}

/** vfio_check_feature() for one of a single direction. @returns false if it was a probe */
function checked(flags: number, data: Uint8Array, direction: number, size: number): boolean {
  const both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
  if ((flags & both & ~direction) !== 0) fail('EINVAL', FEATURE);
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) !== 0) return false;
  if ((flags & direction) === 0 || data.length < size) fail('EINVAL', FEATURE);
  return true;
}
