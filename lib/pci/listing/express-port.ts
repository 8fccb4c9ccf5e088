import { bits } from '../bytes.js';
import { hex, type Place, sign, signs } from './row.js';

/** Formats a power limit in watts: PCI Express Base Specification, sections 7.5.3.3 and 7.5.3.9. */
export function powerLimit(value: number, scale: number): string {
  if (scale === 0 && value === 0xff) return '>600W';
  const watts = scale === 0 && value >= 0xf0 ? 250 + 25 * (value - 0xf0) : value;
  return `${Number((watts / 10 ** scale).toPrecision(6))}W`;
}

const INDICATOR = ['Unknown', 'On', 'Blink', 'Off'];

/** Slot registers: sections 7.5.3.9 to 7.5.3.11. */
export function slotLines(place: Place): string[] {
  const capabilities = place.u32(0x14);
  const control = place.u16(0x18);
  const status = place.u16(0x1a);
  const cap = { AttnBtn: 0, PwrCtrl: 1, MRL: 2, AttnInd: 3, PwrInd: 4, HotPlug: 6, Surprise: 5 };
  const enable = { AttnBtn: 0, PwrFlt: 1, MRL: 2, PresDet: 3, CmdCplt: 4, HPIrq: 5, LinkChg: 12 };
  const state = { AttnBtn: 0, PowerFlt: 1, MRL: 5, CmdCplt: 4, PresDet: 6, Interlock: 7 };
  const limit = powerLimit(bits(capabilities, 7, 14), bits(capabilities, 15, 16));
  const indicator = (low: number) => INDICATOR[bits(control, low, low + 1)] ?? '';
  return [
    `SltCap: ${signs(capabilities, cap)}`,
    `  Slot #${bits(capabilities, 19, 31)}, PowerLimit ${limit}; ${signs(capabilities, { Interlock: 17, NoCompl: 18 })}`,
    `SltCtl: Enable: ${signs(control, enable)}`,
    `  Control: AttnInd ${indicator(6)}, PwrInd ${indicator(8)}, ${signs(control, { Power: 10, Interlock: 11 })}`,
    `SltSta: Status: ${signs(status, state)}`,
    `  Changed: ${signs(status, { MRL: 2, PresDet: 3, LinkState: 8 })}`,
  ];
}

/** Root registers: sections 7.5.3.12 to 7.5.3.14. */
export function rootLines(place: Place): string[] {
  const control = { ErrCorrectable: 0, 'ErrNon-Fatal': 1, ErrFatal: 2, PMEIntEna: 3 };
  const status = place.u32(0x20);
  return [
    `RootCap: CRSVisible${sign(place.u16(0x1e), 0)}`,
    `RootCtl: ${signs(place.u16(0x1c), { ...control, CRSVisible: 4 })}`,
    `RootSta: PME ReqID ${hex(bits(status, 0, 15), 4)}, ${signs(status, { PMEStatus: 16, PMEPending: 17 })}`,
  ];
}
