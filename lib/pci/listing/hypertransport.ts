import { bits } from '../bytes.js';
import {
  errorHandling,
  linkConfig,
  linkControl,
  linkRate,
  memoryBehind,
} from './hypertransport-link.js';
import { hex, hex64, type Listed, type Lister, type Place, sign, signs } from './row.js';

/** Revision 1.02. Revisions before 1.02 lack the second half of the interface registers. */
const SECOND_HALF = 0x22;

/**
 * Capability types that are encoded in 5 bits: HyperTransport I/O Link Specification, chapter 7.
 */
const TYPES: Readonly<Record<number, string>> = {
  0x08: 'Switch',
  0x10: 'Interrupt Discovery and Configuration',
  0x12: 'UnitID Clumping',
  0x13: 'Extended Configuration Space Access',
  0x14: 'Address Mapping',
  0x16: 'DirectRoute',
  0x17: 'VCSet',
  0x18: 'Retry Mode',
  0x19: 'X86 (reserved)',
};
const REVISION = 0x11;
const MSI_MAPPING = 0x15;

const FEATURES = { IsocFC: 0, LDTSTOP: 1, CRCTM: 2, ECTLT: 3, '64bA': 4, UIDRD: 5 };

/** HyperTransport. A function can have several HyperTransport capabilities of different types. */
export const hypertransport: Lister = (place) => {
  const command = place.u16(2);
  const interfaceType = bits(command, 13, 15);
  if (interfaceType === 0) return primary(place, command);
  if (interfaceType === 1) return secondary(place, command);
  const type = bits(command, 11, 15);
  if (type === REVISION) return { title: `HyperTransport: ${revision(command)}`, lines: [] };
  if (type === MSI_MAPPING) return msiMapping(place, command);
  return { title: `HyperTransport: ${TYPES[type] ?? `#${hex(type, 2)}`}`, lines: [] };
};

function revision(value: number): string {
  return `Revision ID: ${bits(value, 5, 7)}.${String(bits(value, 0, 4)).padStart(2, '0')}`;
}

/**
 * Formats the MSI Mapping capability. A fixed mapping always uses the address that the architecture
 * defines, so the address is not listed.
 */
function msiMapping(place: Place, command: number): Listed {
  const low = place.u32(4);
  const address = hex64(place.u32(8), low - bits(low, 0, 19));
  return {
    title: `HyperTransport: MSI Mapping ${signs(command, { Enable: 0, Fixed: 1 })}`,
    lines: bits(command, 1) === 1 ? [] : [`Mapping Address Base: ${address}`],
  };
}

/** Returns a warning if the registers of a revision are possibly not all decoded. */
function warning(id: number): string[] {
  return id > 0x11 && id < SECOND_HALF ? ['!!! Possibly incomplete decoding'] : [];
}

function primary(place: Place, command: number): Listed {
  const id = place.u8(0xc);
  const isSecond = id >= SECOND_HALF;
  return {
    title: 'HyperTransport: Slave or Primary Interface',
    lines: [
      ...warning(id),
      `Command: BaseUnitID=${bits(command, 0, 4)} UnitCnt=${bits(command, 5, 9)} ${signs(command, { MastHost: 10, DefDir: 11, ...(isSecond ? { DUL: 12 } : {}) })}`,
      linkControl(' 0', place.u16(0x4), isSecond),
      linkConfig(' 0', place.u16(0x6), isSecond),
      linkControl(' 1', place.u16(0x8), isSecond),
      linkConfig(' 1', place.u16(0xa), isSecond),
      revision(id),
      ...(isSecond
        ? [
            ...linkRate(' 0', place.u8(0xd), place.u16(0xe)),
            `Feature Capability: ${signs(place.u8(0x10), FEATURES)}`,
            ...linkRate(' 1', place.u8(0x11), place.u16(0x12)),
            errorHandling(place.u16(0x16)),
            memoryBehind(place.u8(0x18), place.u8(0x19)),
            `Bus Number: ${hex(place.u8(0x1a), 2)}`,
          ]
        : []),
    ],
  };
}

function secondary(place: Place, command: number): Listed {
  const id = place.u8(0x8);
  const isSecond = id >= SECOND_HALF;
  const more = { ChainSide: 7, HostHide: 8, Slave: 10, '<EOCErr': 11, DUL: 12 };
  const device = ` DevNum=${bits(command, 2, 6)} ${signs(command, more)}`;
  const features = place.u16(0xc);
  return {
    title: 'HyperTransport: Host or Secondary Interface',
    lines: [
      ...warning(id),
      `Command: ${signs(command, { WarmRst: 0, DblEnd: 1 })}${isSecond ? device : ''}`,
      linkControl('', place.u16(0x4), isSecond),
      linkConfig('', place.u16(0x6), isSecond),
      revision(id),
      ...(isSecond
        ? [
            ...linkRate('', place.u8(0x9), place.u16(0xa)),
            `Feature Capability: ${signs(features, { ...FEATURES, ExtRS: 8, UCnfE: 9 })}`,
          ]
        : []),
      ...(isSecond && sign(features, 8) === '+'
        ? [errorHandling(place.u16(0x12)), memoryBehind(place.u8(0x14), place.u8(0x15))]
        : []),
    ],
  };
}
