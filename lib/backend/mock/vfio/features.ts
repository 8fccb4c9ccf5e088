import {
  VFIO_DEVICE_FEATURE_GET,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
  VFIO_DEVICE_FEATURE_MASK,
  VFIO_DEVICE_FEATURE_PROBE,
  VFIO_DEVICE_FEATURE_SET,
} from '../../uapi.js';
import { fail } from '../errno.js';
import { eventfdArgument } from '../eventfd.js';

const FEATURE = 'VFIO_DEVICE_FEATURE';
const VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12;
const KNOWN_BITS =
  VFIO_DEVICE_FEATURE_MASK |
  VFIO_DEVICE_FEATURE_GET |
  VFIO_DEVICE_FEATURE_SET |
  VFIO_DEVICE_FEATURE_PROBE;

/**
 * VFIO_DEVICE_FEATURE of Linux 7.2 without VFIO_PCI_DMABUF (a dma-buf is a file descriptor, and
 * the mock makes none), for a function without virtual functions and without migration.
 */
export class Features {
  #lowPower = false;

  /** Whether the user let go of the device: what is mapped is then out of reach. */
  get lowPower(): boolean {
    return this.#lowPower;
  }

  /** @throws VfioError ENOTTY for a feature the device has not, EINVAL for a wrong request */
  use(flags: number, data: Uint8Array): number {
    const get = (flags & VFIO_DEVICE_FEATURE_GET) !== 0;
    const set = (flags & VFIO_DEVICE_FEATURE_SET) !== 0;
    const probe = (flags & VFIO_DEVICE_FEATURE_PROBE) !== 0;
    if ((flags & ~KNOWN_BITS) !== 0 || (get && set && !probe)) fail('EINVAL', FEATURE);
    switch (flags & VFIO_DEVICE_FEATURE_MASK) {
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
        if (settable(flags, data, 0)) this.#enter();
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
        if (settable(flags, data, 8)) this.#enterWithWakeup(data);
        return 0;
      case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
        if (settable(flags, data, 0)) this.#lowPower = false;
        return 0;
      case VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2:
        return fail('EINVAL', FEATURE);
      default:
        return fail('ENOTTY', FEATURE);
    }
  }

  #enter(): void {
    if (this.#lowPower) fail('EINVAL', FEATURE);
    this.#lowPower = true;
  }

  /** The data holds a file descriptor, and none of those is an eventfd of the mock. */
  #enterWithWakeup(data: Uint8Array): void {
    const fd = new DataView(data.buffer, data.byteOffset).getInt32(0, true);
    if (eventfdArgument(fd, FEATURE) === null) fail('EINVAL', FEATURE);
  }
}

/** vfio_check_feature() for one that can only be set. @returns false if it was a probe */
function settable(flags: number, data: Uint8Array, size: number): boolean {
  if ((flags & VFIO_DEVICE_FEATURE_GET) !== 0) fail('EINVAL', FEATURE);
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) !== 0) return false;
  if ((flags & VFIO_DEVICE_FEATURE_SET) === 0 || data.length < size) fail('EINVAL', FEATURE);
  return true;
}
