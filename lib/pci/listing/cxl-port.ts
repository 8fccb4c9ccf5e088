import { bits } from '../bytes.js';
import { hex, type Place, signs } from './row.js';

/** CXL Extensions DVSEC for Ports: CXL Specification 3.0, section 8.1.5. */
export function extensions(place: Place): string[] {
  const unmask = { UnmaskSBR: 0, UnmaskLinkDisable: 1 };
  return [
    `CXLPortSta: ${signs(place.u16(0x0a), { PMComplete: 0 })}`,
    `CXLPortCtl: ${signs(place.u16(0x0c), { ...unmask, AltMem: 2, AltBME: 3, ViralEnable: 14 })}`,
    `AlternateBus: ${hex(place.u8(0x0e), 2)}-${hex(place.u8(0x0f), 2)}`,
    `AlternateBus: ${hex(place.u16(0x10), 4)}-${hex(place.u16(0x12), 4)}`,
  ];
}

/** The length of the Flex Bus Port DVSEC in bytes, by revision. */
export const FLEX_BUS_LENGTHS = [0x10, 0x14, 0x20] as const;

/** PCIe DVSEC for Flex Bus Port: section 8.1.8. Each revision of the DVSEC adds registers. */
export function flexBus(place: Place, revision: number, length: number): string[] {
  const known = FLEX_BUS_LENGTHS[revision];
  return [
    ...(known === undefined || known === length ? [] : [`<Wrong length for Revision ${revision}>`]),
    ...flexBusRegisters(place, revision),
    ...(length > FLEX_BUS_LENGTHS[2] ? ['<?>'] : []),
  ];
}

function flexBusRegisters(place: Place, revision: number): string[] {
  const protocols = { Cache: 0, IO: 1, Mem: 2 };
  const flits = { '68BFlit': 5, MltLogDev: 6 };
  const modes = { ...protocols, SynHdrByp: 3, DrftBuf: 4, ...flits };
  const newer = revision >= 2 ? { '256BFlit': 13, PBRFlit: 14 } : {};
  const chain = { RCD: 7, Retimer1: 8, Retimer2: 9 };
  return [
    `FBCap: ${signs(place.u16(0x0a), { ...protocols, ...flits, ...newer })}`,
    `FBCtl: ${signs(place.u16(0x0c), { ...modes, ...chain, ...newer })}`,
    `FBSta: ${signs(place.u16(0x0e), { ...modes, ...newer })}`,
    ...(revision >= 1
      ? [`FBModTS: Received FB Data: ${hex(bits(place.u32(0x10), 0, 23), 6)}`]
      : []),
    ...(revision >= 2
      ? [
          `FBCap2: ${signs(place.u32(0x14), { NOPHint: 0 })}`,
          `FBCtl2: ${signs(place.u32(0x18), { NOPHint: 0 })}`,
          `FBSta2: NOPHintInfo: ${bits(place.u32(0x1c), 0, 1)}`,
        ]
      : []),
  ];
}

/** PCIe DVSEC for MLD, section 8.1.10. The values for more than 16 logical devices are reserved. */
export function multipleLogicalDevices(place: Place): string[] {
  const count = place.u16(0x0a);
  return count >= 1 && count <= 16 ? [`NumLogDevs: ${count}`] : [];
}
