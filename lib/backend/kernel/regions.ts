import type { Native } from '../../native/binding.js';
import type { RegionInfo } from '../../contract/index.js';
import { VFIO_REGION_INFO_FLAG_WRITE } from '../../contract/uapi.js';
import { checkInteger, checkU32 } from '../../checks.js';

/** A region's place in the device file; what lies beyond belongs to the next region. */
export interface Place {
  readonly offset: number;
  readonly size: bigint;
  readonly writable: boolean;
}

/** VFIO_PCI_OFFSET_SHIFT in the kernel: regions are that far apart. */
const STRIDE = 2 ** 40;

/** VFIO_DEVICE_GET_REGION_INFO, with each region's place asked for once. */
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
    return this.#places[index] ?? this.#find(index);
  }

  /** Position in the device file. */
  position(index: number, offset: number): number {
    checkInteger(offset, 'offset', 0, STRIDE - 1);
    return this.place(index).offset + offset;
  }

  #find(index: number): Place {
    checkU32(index, 'region');
    const { flags, size, offset } = this.#native.deviceGetRegionInfo(this.#fd, index);
    const writable = (flags & VFIO_REGION_INFO_FLAG_WRITE) !== 0;
    return (this.#places[index] = { offset: Number(offset), size, writable });
  }
}
