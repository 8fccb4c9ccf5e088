import { bits } from '../bytes.js';
import { hex, type Listed, type Place, sign, signs } from './row.js';

const CAPABILITIES = 0;
const FEATURE_DETECTION = 1;

/**
 * The vendor-specific capability of Intel: Intel Core Processor Family Datasheet, volume 2,
 * registers CAPID0_A to CAPID0_C.
 *
 * @returns null if the registers are past the end of the image
 */
export function intelCapability(place: Place, length: number): Listed | null {
  const [version, type] = [bits(place.u8(3), 0, 3), bits(place.u8(3), 4, 7)];
  // The features are in registers that are read through an index, so the listing cannot read them.
  if (type === FEATURE_DETECTION) return { title: 'Intel Feature Detection', lines: [] };
  if (type !== CAPABILITIES) return { title: 'Intel <unknown>', lines: [] };
  const title = `Intel Capabilities v${version}`;
  if (version !== 1) return { title, lines: [] };
  return {
    title,
    lines: [
      ...(length >= 8 ? registerA(place.u32(4)) : []),
      ...(length >= 12 ? registerB(place.u32(8)) : []),
      ...(length >= 16 ? registerC(place.u32(12)) : []),
    ],
  };
}

const MEMORY_SIZES = ['Unlimited', '8GB/chan', '2GB/chan', '0.5GB/chan'];

function registerA(register: number): string[] {
  const ports = { Peg60Dis: 31, Peg12Dis: 30, Peg11Dis: 29, Peg10Dis: 28, PeLWUDis: 27 };
  const links = { EccDis: 25, ForceEccEn: 24, VTdDis: 23, DmiG2Dis: 22, PegG2Dis: 21 };
  const parts = { '1NDis': 17, CDDis: 15, DDPCDis: 14, X2APICEn: 13, PDCDis: 12, IGDis: 11 };
  const memory = { DDROCCAP: 3, OCEn: 2, DDRWrtVrefEn: 1, DDR3LEn: 0 };
  return [
    `CapA: ${signs(register, ports)} DmiWidth=x${bits(register, 26) === 1 ? 2 : 4}`,
    `  ${signs(register, links)} DDRMaxSize=${MEMORY_SIZES[bits(register, 19, 20)] ?? ''}`,
    `  ${signs(register, parts)} CDID=${bits(register, 8, 9)} CRID=${bits(register, 4, 7)}`,
    `  ${signs(register, memory)}`,
  ];
}

/** Formats a frequency in steps of 200 MHz. */
function referenceFrequency(code: number): string {
  if (code === 0) return 'Disabled';
  return code === 7 ? 'Unlimited' : `${(6 + code) * 200}MHz`;
}

/** Formats a multiple of 266.6 MHz. */
function frequency(code: number): string {
  return code === 0 ? 'Unlimited' : `${megahertz(code)}MHz`;
}

function megahertz(multiple: number): number {
  return Math.floor((multiple * 2666) / 10);
}

function registerB(register: number): string[] {
  const clocks = { ImguDis: 31, OCbySSKUCap: 30, OCbySSKUEn: 29, SMTCap: 28 };
  const graphics = { PkgTyp: 19, AddGfxEn: 18, AddGfxCap: 17, PegX16Dis: 16, DmiG3Dis: 15 };
  return [
    `CapB: ${signs(register, clocks)} CacheSzCap 0x${hex(bits(register, 25, 27), 1)}`,
    `  SoftBinCap${sign(register, 24)} DDR3MaxFreqWithRef100=${referenceFrequency(bits(register, 21, 23))} PegG3Dis${sign(register, 20)}`,
    `  ${signs(register, { ...graphics, GmmDis: 8 })}`,
    `  DDR3MaxFreq=${megahertz(11 - bits(register, 4, 5))}MHz LPDDR3En${sign(register, 2)}`,
  ];
}

const OVERCLOCKING = ['Disabled', '115MHz', '130MHz', 'Unlimited'];

function registerC(register: number): string[] {
  return [
    `CapC: PegG4Dis${sign(register, 28)} DDR4MaxFreq=${frequency(bits(register, 23, 26))} LPDDREn${sign(register, 22)} LPDDR4MaxFreq=${frequency(bits(register, 17, 20))} LPDDR4En${sign(register, 16)}`,
    `  ${signs(register, { QClkGvDis: 14, SgxDis: 9 })} BClkOC=${OVERCLOCKING[bits(register, 7, 8)] ?? ''} ${signs(register, { IddDis: 6, Pipe3Dis: 5 })} Gear1MaxFreq=${frequency(bits(register, 0, 3))}`,
  ];
}
