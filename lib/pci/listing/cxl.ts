import { bits } from '../bytes.js';
import { cxlDevice } from './cxl-device.js';
import { extensions, FLEX_BUS_LENGTHS, flexBus, multipleLogicalDevices } from './cxl-port.js';
import { hex, hex64, type Place } from './row.js';

/** A Designated Vendor-Specific Extended Capability (DVSEC) of CXL. */
interface Dvsec {
  readonly title: string;
  /** Returns the size in bytes of the registers that the given revision defines. */
  readonly size: (revision: number) => number;
  readonly decode: (place: Place, revision: number, length: number) => string[];
}

/** CXL DVSECs by DVSEC ID: CXL Specification 3.0, section 8.1. */
const DVSECS: Readonly<Record<number, Dvsec>> = {
  0x0: { title: 'PCIe DVSEC for CXL Devices', size: () => 0x38, decode: cxlDevice },
  0x2: { title: 'Non-CXL Function Map DVSEC', size: () => 0x2c, decode: functionMap },
  0x3: { title: 'CXL Extensions DVSEC for Ports', size: () => 0x28, decode: extensions },
  0x4: { title: 'GPF DVSEC for CXL Ports', size: () => 0x10, decode: flushOfPort },
  0x5: { title: 'GPF DVSEC for CXL Devices', size: () => 0x10, decode: flushOfDevice },
  0x7: {
    title: 'PCIe DVSEC for Flex Bus Port',
    size: (revision) => FLEX_BUS_LENGTHS[revision] ?? FLEX_BUS_LENGTHS[2],
    decode: flexBus,
  },
  0x8: { title: 'Register Locator DVSEC', size: () => 0x0c, decode: registerLocator },
  0x9: { title: 'MLD DVSEC', size: () => 0x0c, decode: multipleLogicalDevices },
  0xa: { title: 'PCIe DVSEC for Test Capability <?>', size: () => 0, decode: () => [] },
};

export function cxl(place: Place, id: number, revision: number, length: number): string[] {
  const found = DVSECS[id];
  if (found === undefined) return [`Unknown ID ${hex(id, 4)}`];
  const isShort = length < found.size(revision);
  return [found.title, ...(isShort ? ['<too short>'] : found.decode(place, revision, length))];
}

/** Formats the bitmap that marks the functions without CXL: section 8.1.4. */
function functionMap(place: Place): string[] {
  return Array.from(
    { length: 8 },
    (_, index) => `FuncMap ${index}: ${hex(place.u32(0x0c + 4 * index), 8)}`,
  );
}

/** The factor and the unit of a time value, for each scale code. */
const SCALES: readonly (readonly [factor: number, unit: string])[] = [
  [1, 'us'],
  [10, 'us'],
  [100, 'us'],
  [1, 'ms'],
  [10, 'ms'],
  [100, 'ms'],
  [1, 's'],
  [10, 's'],
];

/** Formats a timeout or a duration of the Global Persistent Flush (GPF). */
function time(label: string, register: number): string[] {
  const scale = bits(register, 8, 11);
  const base = bits(register, 0, 3);
  const known = SCALES[scale];
  if (known !== undefined) return [`${label}: ${base * known[0]}${known[1]}`];
  return [`Reserved time scale encoding ${hex(scale, 1)}`, `${label}: ${base}<?>`];
}

/** GPF DVSEC for CXL Port: section 8.1.6. */
function flushOfPort(place: Place): string[] {
  return [
    ...time('GPF Phase 1 Timeout', place.u16(0x0c)),
    ...time('GPF Phase 2 Timeout', place.u16(0x0e)),
  ];
}

/** GPF DVSEC for CXL Device: section 8.1.7. */
function flushOfDevice(place: Place): string[] {
  return [
    ...time('GPF Phase 2 Duration', place.u16(0x0a)),
    `GPF Phase 2 Power: ${place.u32(0x0c)}mW`,
  ];
}

const BLOCKS: Readonly<Record<number, string>> = {
  1: 'component registers',
  2: 'BAR virtualization',
  3: 'CXL device registers',
  4: 'CPMU registers',
  0xff: 'vendor-specific',
};

/** Register Locator DVSEC: lists the location of each register block. Section 8.1.9. */
function registerLocator(place: Place, _revision: number, length: number): string[] {
  const count = Math.floor((length - 0x0c) / 8);
  return Array.from({ length: count }, (_, index) => {
    const low = place.u32(0x0c + 8 * index);
    const id = bits(low, 8, 15);
    const offset = hex64(place.u32(0x10 + 8 * index), low - bits(low, 0, 15));
    const name = BLOCKS[id] ?? '<?>';
    return id === 0
      ? []
      : [`Block${index + 1}: BIR: bar${bits(low, 0, 2)}, ID: ${name}, offset: ${offset}`];
  }).flat();
}
