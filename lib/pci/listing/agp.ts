import { bits } from '../bytes.js';
import { type Lister, sign, signs } from './row.js';

/**
 * Formats the transfer rates. The rates are x4, x8 and x16 in AGP 3.0 mode, and x1, x2 and x4 in
 * other modes.
 */
function rates(register: number, isThird: boolean): string {
  const found = [0, 1, 2].filter((bit) => bits(register, bit) === 1);
  const names = found.map((bit) => `x${2 ** (bit + (isThird ? 2 : 0))}`);
  return names.length === 0 ? '<none>' : names.join(',');
}

/**
 * Formats the two fields that are in both AGPSTAT and AGPCMD: the request size and the calibration
 * cycle.
 */
function queue(register: number): string {
  return `ArqSz=${bits(register, 13, 15)} Cal=${bits(register, 10, 12)}`;
}

const STATUS = { SBA: 9, ITACoh: 8, GART64: 7, HTrans: 6, '64bit': 5, FW: 4, AGP3: 3 };
const COMMAND = { SBA: 9, AGP: 8, GART64: 7, '64bit': 5, FW: 4 };

/** AGP V3.0 Interface Specification: NCAPID, AGPSTAT and AGPCMD. */
export const agp: Lister = (place) => {
  const version = place.u8(2);
  const status = place.u32(4);
  const command = place.u32(8);
  const isThird = bits(version, 4, 7) >= 3 && bits(status, 3) === 1;
  const requests = (register: number) => `RQ=${bits(register, 24, 31) + 1}`;
  return {
    title: `AGP version ${bits(version, 4, 7).toString(16)}.${bits(version, 0, 3).toString(16)}`,
    lines: [
      `Status: ${requests(status)} Iso${sign(status, 16)} ${queue(status)} ${signs(status, STATUS)} Rate=${rates(status, isThird)}`,
      `Command: ${requests(command)} ${queue(command)} ${signs(command, COMMAND)} Rate=${rates(command, isThird)}`,
    ],
  };
};
