import type { Native } from '../../native/binding.js';
import type { RegionInfo } from '../../contract/index.js';
import { VFIO_REGION_INFO_FLAG_WRITE } from '../../contract/uapi.js';
import { checkInteger, checkU32 } from '../../checks.js';

/**
 * Location of a region in the device file. The file offsets after the region belong to the next
 * region.
 */
export interface Place {
  readonly offset: number;
  readonly size: bigint;
  readonly writable: boolean;
}

/** Distance of two regions in the device file (VFIO_PCI_OFFSET_SHIFT in the kernel). */
const STRIDE = 2 ** 40;

/** VFIO_DEVICE_GET_REGION_INFO. The location of each region is queried once. */
export class Regions {
  readonly #native: Native;
  readonly #fd: number;
  readonly #places: Place[] = [];

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.#fd = fd;
  }

  info(index: number): RegionInfo {
    const { flags, size, capabilities } = this.#native.deviceGetRegionInfo(this.#fd, index);
    return { index, flags, size, capabilities };
  }

  place(index: number): Place {
    const known = typeof index === 'number' ? this.#places[index] : undefined;
    return known ?? this.#queryPlace(index);
  }

  /** Returns the position of a register in the device file. */
  position(index: number, offset: number): number {
    checkInteger(offset, 'offset', 0, STRIDE - 1);
    return this.place(index).offset + offset;
  }

  #queryPlace(index: number): Place {
    checkU32(index, 'region');
    const { flags, size, offset } = this.#native.deviceGetRegionInfo(this.#fd, index);
    const writable = (flags & VFIO_REGION_INFO_FLAG_WRITE) !== 0;
    return (this.#places[index] = { offset: Number(offset), size, writable });
  }
}
