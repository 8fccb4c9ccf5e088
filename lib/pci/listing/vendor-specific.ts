import { bits, u16 } from '../bytes.js';
import { isVirtio } from '../virtio.js';
import { intelCapability } from './intel.js';
import { hex, hex64, type Listed, type Lister, type Place } from './row.js';

const INTEL = 0x8086;

/** Vendor-Specific: PCI Local Bus Specification, appendix H. */
export const vendorSpecific: Lister = (place) => {
  const length = place.u8(2);
  const prefix = 'Vendor Specific Information:';
  const known = isVirtio(place.config)
    ? virtio(place, length)
    : u16(place.config, 0) === INTEL
      ? intelCapability(place, length)
      : null;
  if (known === null) return { title: `${prefix} Len=${hex(length, 2)} <?>`, lines: [] };
  return { title: `${prefix} ${known.title}`, lines: known.lines };
};

/** The structure types of virtio devices on PCI: section 4.1.4. */
const VIRTIO_TYPES: Readonly<Record<number, string>> = {
  1: 'CommonCfg',
  2: 'Notify',
  3: 'ISR',
  4: 'DeviceCfg',
  8: 'SharedMemory',
};
const NOTIFY = 2;
const SHARED_MEMORY = 8;

function virtio(place: Place, length: number): Listed | null {
  if (length < 16 || place.offset + length > place.config.length) return null;
  const type = place.u8(3);
  return {
    title: `VirtIO: ${VIRTIO_TYPES[type] ?? '<unknown>'}`,
    lines: [type === SHARED_MEMORY && length >= 24 ? sharedMemory(place) : range(place, length)],
  };
}

function range(place: Place, length: number): string {
  const where = `BAR=${place.u8(4)} offset=${hex(place.u32(8), 8)} size=${hex(place.u32(12), 8)}`;
  const hasMultiplier = place.u8(3) === NOTIFY && length >= 20;
  return where + (hasMultiplier ? ` multiplier=${hex(place.u32(16), 8)}` : '');
}

/** Formats a range of shared memory, whose numbers have 64 bits. */
function sharedMemory(place: Place): string {
  const wide = (low: number, high: number) => hex64(place.u32(high), place.u32(low));
  return `BAR=${place.u8(4)} offset=${wide(8, 16)} size=${wide(12, 20)} id=${bits(place.u8(5), 0, 7)}`;
}
