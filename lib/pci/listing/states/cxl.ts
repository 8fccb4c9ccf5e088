import { bits } from '../../bytes.js';
import { state, type StateRegister } from '../remaining.js';
import type { Place } from '../row.js';

const CXL = 0x1e98;

/** The status and control registers of each CXL DVSEC, by DVSEC id: CXL Specification 3.1. */
const STATES: Readonly<Record<number, readonly StateRegister[]>> = {
  0x0: [
    state('CXLCtl', 0x0c, 16),
    state('CXLSta', 0x0e, 16),
    state('CXLCtl2', 0x10, 16, { ModifiedCompletionEn: 5 }),
    state('CXLSta2', 0x12, 16),
    state('Range1', 0x1c, 32),
    state('Range2', 0x2c, 32),
  ],
  0x3: [state('CXLPortSta', 0x0a, 16), state('CXLPortCtl', 0x0c, 16)],
  0x4: [state('GPF Phase 1 Timeout', 0x0c, 16), state('GPF Phase 2 Timeout', 0x0e, 16)],
  0x7: [
    state('FBCtl', 0x0c, 16),
    state('FBSta', 0x0e, 16),
    state('FBModTS', 0x10, 32),
    state('FBCtl2', 0x18, 32),
    state('FBSta2', 0x1c, 32),
  ],
};

export function designatedStates(place: Place): readonly StateRegister[] {
  return bits(place.u32(4), 0, 15) === CXL ? (STATES[place.u16(8)] ?? []) : [];
}
