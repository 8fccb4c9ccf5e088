import {
  checkExtent,
  checkInteger,
  checkObject,
  checkOptions,
  hex,
  PAGE_SIZE,
} from '../../checks.js';
import type { RegisterWindow } from '../../contract/index.js';
import type { PciDevice } from '../../device/device.js';
import { checkStorage, regionStorage, type SlotStorage } from '../store/storage.js';

/** Location of the registers of a message store. */
export interface StorePlace {
  /** Index of the region, for example of a BAR. */
  readonly region: number;
  /** Offset of the store in bytes from the start of the region, a multiple of 4. */
  readonly offset: number;
}

/** A storage, and the function that closes the storage. */
export interface OpenStorage {
  readonly storage: SlotStorage;
  readonly close: () => void;
}

/** Opens the storage of a message store. @param size - the size of all entries in bytes */
export function openPlace(
  device: PciDevice,
  place: StorePlace | SlotStorage,
  size: number,
): OpenStorage {
  checkObject(place, 'place');
  if (!('read32' in place)) {
    checkOptions(place, ['region', 'offset'], 'place');
    return deviceStorage(device, place, size);
  }
  checkStorage(place);
  return { storage: place, close: () => undefined };
}

/**
 * Opens registers in a region of a device. The registers are accessed through a mapping, or through
 * the device file if the region cannot be mapped.
 */
function deviceStorage(device: PciDevice, place: StorePlace, size: number): OpenStorage {
  const { region, offset } = place;
  const mapped = mapPlace(device, place, size);
  if (mapped === null) {
    const file = device.region(region);
    const storage = {
      size,
      read32: (at: number) => file.load(offset + at, 4),
      write32: (at: number, value: number) => {
        file.store(offset + at, 4, value);
      },
    };
    return { storage, close: () => undefined };
  }
  return {
    storage: regionStorage(mapped.window, mapped.start, size),
    close: () => {
      mapped.window.close();
    },
  };
}

/** Registers that are mapped. */
interface MappedPlace {
  readonly window: RegisterWindow;
  /** Offset of the registers in the window, in bytes. */
  readonly start: number;
}

/**
 * Maps registers in a region of a device.
 *
 * @returns null if the region cannot be mapped
 */
function mapPlace(
  device: PciDevice,
  { region: index, offset }: StorePlace,
  size: number,
): MappedPlace | null {
  const region = device.region(index);
  checkInteger(offset, 'place.offset', 0, Number.MAX_SAFE_INTEGER);
  if (offset % 4 !== 0) throw new RangeError(`offset ${hex(offset)} is not a multiple of 4`);
  checkExtent(offset, size, region.size);
  if (!region.mappable) return null;
  const first = offset - (offset % PAGE_SIZE);
  const length = Math.ceil((offset + size - first) / PAGE_SIZE) * PAGE_SIZE;
  return { window: region.map({ offset: first, length }), start: offset - first };
}

/** Location of a window of registers. */
export interface WindowPlace extends StorePlace {
  /** Size in bytes: a multiple of 4, from 12 to 2^30. */
  readonly size: number;
}

/** Accesses of 1, 2 or 4 bytes to the registers of a window. Offsets are relative to the window. */
export interface WindowAccess {
  load(offset: number, width: 1 | 2 | 4): number;
  store(offset: number, width: 1 | 2 | 4, value: number): void;
  close(): void;
}

/** Opens a window of registers, by a mapping or through the device file. */
export function openWindow(device: PciDevice, place: WindowPlace): WindowAccess {
  checkOptions(place, ['region', 'offset', 'size'], 'place');
  const { region, offset, size } = place;
  checkInteger(size, 'place.size', 12, 2 ** 30);
  if (size % 4 !== 0) throw new RangeError(`place.size ${size} is not a multiple of 4`);
  const mapped = mapPlace(device, place, size);
  if (mapped === null) {
    const file = device.region(region);
    return {
      load: (at, width) => file.load(offset + at, width),
      store: (at, width, value) => {
        file.store(offset + at, width, value);
      },
      close: () => undefined,
    };
  }
  const { window, start } = mapped;
  return {
    load: (at, width) => {
      if (width === 4) return window.read32(start + at);
      return width === 2 ? window.read16(start + at) : window.read8(start + at);
    },
    store: (at, width, value) => {
      if (width === 4) window.write32(start + at, value);
      else if (width === 2) window.write16(start + at, value);
      else window.write8(start + at, value);
    },
    close: () => {
      window.close();
    },
  };
}
