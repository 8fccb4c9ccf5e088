import { bits } from '../bytes.js';
import { hex, type Lister, type Place, signs } from './row.js';

const BARS = 6;

/** Single Root I/O Virtualization: PCI Express Base Specification, section 9.3.3. */
export const sriov: Lister = (place) => {
  const capabilities = place.u32(0x04);
  const control = {
    Enable: 0,
    Migration: 1,
    Interrupt: 2,
    MSE: 3,
    ARIHierarchy: 4,
    '10BitTagReq': 5,
  };
  const migration = place.u32(0x3c);
  return {
    title: 'Single Root I/O Virtualization (SR-IOV)',
    lines: [
      `IOVCap: ${signs(capabilities, { Migration: 0, '10BitTagReq': 2 })} IntMsgNum ${bits(capabilities, 21, 31)}`,
      `IOVCtl: ${signs(place.u16(0x08), control)}`,
      `IOVSta: ${signs(place.u16(0x0a), { Migration: 0 })}`,
      `Initial VFs: ${place.u16(0x0c)}, Total VFs: ${place.u16(0x0e)}, Number of VFs: ${place.u16(0x10)}, Function Dependency Link: ${hex(place.u8(0x12), 2)}`,
      `VF offset: ${place.u16(0x14)}, stride: ${place.u16(0x16)}, Device ID: ${hex(place.u16(0x1a), 4)}`,
      `Supported Page Size: ${hex(place.u32(0x1c), 8)}, System Page Size: ${hex(place.u32(0x20), 8)}`,
      ...vfBars(place),
      `VF Migration: offset: ${hex(bits(migration, 3, 31) * 8, 8)}, BIR: ${bits(migration, 0, 2)}`,
    ],
  };
};

function vfBars(place: Place): string[] {
  const lines: string[] = [];
  for (let index = 0; index < BARS; index++) {
    const low = place.u32(0x24 + 4 * index);
    if (low === 0 || low === 0xffff_ffff) continue;
    const at = index;
    const wide = bits(low, 1, 2) === 2;
    const high = wide ? hex(place.u32(0x24 + 4 * ++index), 8) : '';
    const kind = bits(low, 1, 2) === 0 ? '32-bit' : '64-bit';
    const prefetchable = bits(low, 3) === 1 ? 'prefetchable' : 'non-prefetchable';
    lines.push(
      `Region ${at}: Memory at ${high}${hex(bits(low, 4, 31) * 16, 8)} (${kind}, ${prefetchable})`,
    );
  }
  return lines;
}

/** Access Control Services: section 7.7.11. */
export const accessControl: Lister = (place) => {
  const flags = {
    SrcValid: 0,
    TransBlk: 1,
    ReqRedir: 2,
    CmpltRedir: 3,
    UpstreamFwd: 4,
    EgressCtrl: 5,
    DirectTrans: 6,
  };
  return {
    title: 'Access Control Services',
    lines: [`ACSCap: ${signs(place.u16(4), flags)}`, `ACSCtl: ${signs(place.u16(6), flags)}`],
  };
};

/** Alternative Routing-ID Interpretation: section 7.8.8. */
export const alternativeRouting: Lister = (place) => {
  const capabilities = place.u16(4);
  const control = place.u16(6);
  const flags = { MFVC: 0, ACS: 1 };
  return {
    title: 'Alternative Routing-ID Interpretation (ARI)',
    lines: [
      `ARICap: ${signs(capabilities, flags)}, Next Function: ${bits(capabilities, 8, 15)}`,
      `ARICtl: ${signs(control, flags)}, Function Group: ${bits(control, 4, 6)}`,
    ],
  };
};

/** Address Translation Services: section 10.5.1. */
export const addressTranslation: Lister = (place) => {
  const control = place.u16(6);
  return {
    title: 'Address Translation Service (ATS)',
    lines: [
      `ATSCap: Invalidate Queue Depth: ${hex(bits(place.u16(4), 0, 4), 2)}`,
      `ATSCtl: ${signs(control, { Enable: 15 })}, Smallest Translation Unit: ${hex(bits(control, 0, 4), 2)}`,
    ],
  };
};

/** Page Request Interface: section 10.5.2. */
export const pageRequests: Lister = (place) => ({
  title: 'Page Request Interface (PRI)',
  lines: [
    `PRICtl: ${signs(place.u16(4), { Enable: 0, Reset: 1 })}`,
    `PRISta: ${signs(place.u16(6), { RF: 0, UPRGI: 1, Stopped: 8, PASID: 15 })}`,
    `Page Request Capacity: ${hex(place.u32(8), 8)}, Page Request Allocation: ${hex(place.u32(12), 8)}`,
  ],
});

/** Process Address Space ID: section 7.8.9. */
export const processAddressSpaces: Lister = (place) => {
  const capabilities = place.u16(4);
  return {
    title: 'Process Address Space ID (PASID)',
    lines: [
      `PASIDCap: ${signs(capabilities, { Exec: 1, Priv: 2 })}, Max PASID Width: ${hex(bits(capabilities, 8, 12), 2)}`,
      `PASIDCtl: ${signs(place.u16(6), { Enable: 0, Exec: 1, Priv: 2 })}`,
    ],
  };
};

const UNITS = ['MB', 'GB', 'TB', 'PB', 'EB'];

/** Formats a BAR size of 2^`power` MB: section 7.8.6.2. */
function barSize(power: number): string {
  if (power >= 44) return '<unknown>';
  return `${2 ** (power % 10)}${UNITS[Math.floor(power / 10)] ?? ''}`;
}

/** Resizable BAR and VF Resizable BAR: sections 7.8.6 and 7.8.7. */
export function resizableBar(title: string): Lister {
  return (place) => {
    const count = bits(place.u32(8), 5, 7);
    if (count < 1 || count > BARS) {
      const error = `<error in resizable BAR: num_bars=${count} is out of specification>`;
      return { title, lines: [error] };
    }
    return { title, lines: Array.from({ length: count }, (_, bar) => resizable(place, bar)) };
  };
}

function resizable(place: Place, bar: number): string {
  const capabilities = place.u32(4 + 8 * bar);
  const control = place.u32(8 + 8 * bar);
  const small = Array.from({ length: 28 }, (_, power) => power).filter(
    (power) => bits(capabilities, power + 4) === 1,
  );
  const large = Array.from({ length: 16 }, (_, power) => power)
    .filter((power) => bits(control, power + 16) === 1)
    .map((power) => power + 28);
  const sizes = [...small, ...large].map(barSize);
  const supported = sizes.length === 0 ? '' : `, supported: ${sizes.join(' ')}`;
  return `BAR ${bits(control, 0, 2)}: current size: ${barSize(bits(control, 8, 13))}${supported}`;
}
