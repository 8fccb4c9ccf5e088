import { bits } from '../bytes.js';
import { agp } from './agp.js';
import { enhancedAllocation } from './enhanced-allocation.js';
import { hypertransport } from './hypertransport.js';
import { pcix } from './pcix.js';
import { hex, type Lister, sign, signs } from './row.js';
import { vendorSpecific } from './vendor-specific.js';
import { vitalProductData } from './vpd.js';

/**
 * The auxiliary current in the power state D3cold, in mA: PCI Power Management Interface
 * Specification, section 3.2.3.
 */
const AUX_CURRENT = [0, 55, 100, 160, 220, 270, 320, 375];

const powerManagement: Lister = (place) => {
  const capabilities = place.u16(2);
  const status = place.u16(4);
  const extensions = place.u8(6);
  const pme = signs(capabilities, { D0: 11, D1: 12, D2: 13, D3hot: 14, D3cold: 15 });
  const bridge = `Bridge: PM${sign(extensions, 7)} B3${sign(~extensions & 0xff, 6)}`;
  return {
    title: `Power Management version ${bits(capabilities, 0, 2)}`,
    lines: [
      `Flags: ${signs(capabilities, { PMEClk: 3, DSI: 5, D1: 9, D2: 10 })} AuxCurrent=${AUX_CURRENT[bits(capabilities, 6, 8)] ?? 0}mA PME(${pme.replaceAll(' ', ',')})`,
      `Status: D${bits(status, 0, 1)} ${signs(status, { NoSoftRst: 3, 'PME-Enable': 8 })} DSel=${bits(status, 9, 12)} DScale=${bits(status, 13, 14)} PME${sign(status, 15)}`,
      ...(extensions === 0 ? [] : [bridge]),
    ],
  };
};

const msi: Lister = (place) => {
  const control = place.u16(2);
  const wide = bits(control, 7) === 1;
  const address = (wide ? hex(place.u32(8), 8) : '') + hex(place.u32(4), 8);
  const after = wide ? 0xc : 0x8;
  const counts = `${2 ** bits(control, 4, 6)}/${2 ** bits(control, 1, 3)}`;
  const masking = `Masking: ${hex(place.u32(after + 4), 8)}  Pending: ${hex(place.u32(after + 8), 8)}`;
  return {
    title: `MSI: Enable${sign(control, 0)} Count=${counts} Maskable${sign(control, 8)} 64bit${sign(control, 7)}`,
    lines: [
      `Address: ${address}  Data: ${hex(place.u16(after), 4)}`,
      ...(bits(control, 8) === 1 ? [masking] : []),
    ],
  };
};

const msix: Lister = (place) => {
  const control = place.u16(2);
  const where = (register: number) =>
    `BAR=${bits(register, 0, 2)} offset=${hex(bits(register, 3, 31) * 8, 8)}`;
  return {
    title: `MSI-X: Enable${sign(control, 15)} Count=${bits(control, 0, 10) + 1} Masked${sign(control, 14)}`,
    lines: [`Vector table: ${where(place.u32(4))}`, `PBA: ${where(place.u32(8))}`],
  };
};

const advancedFeatures: Lister = (place) => ({
  title: 'PCI Advanced Features',
  lines: [
    `AFCap: ${signs(place.u8(3), { TP: 0, FLR: 1 })}`,
    `AFCtrl: ${signs(place.u8(4), { FLR: 0 })}`,
    `AFStatus: ${signs(place.u8(5), { TP: 0 })}`,
  ],
});

const subsystem: Lister = (place) => ({
  title: `Subsystem: ${hex(place.u16(4), 4)}:${hex(place.u16(6), 4)}`,
  lines: [],
});

const slotId: Lister = (place) => {
  const slot = place.u8(2);
  return {
    title: `Slot ID: ${bits(slot, 0, 4)} slots, First${sign(slot, 5)}, chassis ${hex(place.u8(3), 2)}`,
    lines: [],
  };
};

const debugPort: Lister = (place) => ({
  title: `Debug port: BAR=${bits(place.u16(2), 13, 15)} offset=${hex(bits(place.u16(2), 0, 12), 4)}`,
  lines: [],
});

const sata: Lister = (place) => {
  const revision = place.u16(2);
  const location = place.u32(4);
  const bar = bits(location, 0, 3);
  const offset = hex(bits(location, 4, 23), 8);
  const where =
    bar === 15
      ? 'InCfgSpace'
      : bar >= 4 && bar <= 9
        ? `BAR${bar - 4} Offset=${offset}`
        : `BAR??${bar}`;
  return {
    title: `SATA HBA v${bits(revision, 4, 7)}.${bits(revision, 0, 3)} ${where}`,
    lines: [],
  };
};

/** By capability id. */
export const STANDARD: Readonly<Record<number, Lister>> = {
  0x00: () => ({ title: 'Null', lines: [] }),
  0x01: powerManagement,
  0x02: agp,
  0x03: vitalProductData,
  0x04: slotId,
  0x05: msi,
  0x07: pcix,
  0x08: hypertransport,
  0x09: vendorSpecific,
  0x0a: debugPort,
  0x0c: () => ({ title: 'Hot-plug capable', lines: [] }),
  0x0d: subsystem,
  0x11: msix,
  0x12: sata,
  0x13: advancedFeatures,
  0x14: enhancedAllocation,
};
