import { checkExtent, checkInteger, checkOptions, PAGE_SIZE } from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import { regionStorage, type SlotStorage } from '../store/storage.js';

/** Location of the registers of a message store. */
export interface StorePlace {
  /** Index of the region, for example of a BAR. */
  readonly region: number;
  /** Offset of the first entry in bytes, a multiple of 4. */
  readonly offset: number;
}

/**
 * Returns the storage of a message store in a region of a device. The registers are accessed
 * through a mapping, or through the device file if the region cannot be mapped.
 */
export function deviceStorage(
  device: PciDevice,
  place: StorePlace,
  size: number,
): { storage: SlotStorage; close: () => void } {
  checkOptions(place, ['region', 'offset'], 'place');
  const { region: index, offset } = place;
  const region = device.region(index);
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  if (offset % 4 !== 0) throw new RangeError(`offset ${offset} is not a multiple of 4`);
  checkExtent(offset, size, region.size);
  if (!region.mappable) {
    const storage = {
      size,
      read32: (at: number) => region.load(offset + at, 4),
      write32: (at: number, value: number) => {
        region.store(offset + at, 4, value);
      },
    };
    return { storage, close: () => undefined };
  }
  const start = offset - (offset % PAGE_SIZE);
  const length = Math.ceil((offset + size - start) / PAGE_SIZE) * PAGE_SIZE;
  const window = region.map({ offset: start, length });
  return {
    storage: regionStorage(window, offset - start, size),
    close: () => {
      window.close();
    },
  };
}
