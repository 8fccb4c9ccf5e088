import { state, type StateRegister } from '../remaining.js';

const COMMON = [state('Control', 0x04, 16), state('Status', 0x06, 16, { ImmRdy: 0 })];
const SECONDARY = {
  ParErr: 8,
  '>TAbort': 11,
  '<TAbort': 12,
  '<MAbort': 13,
  SERR: 14,
  '<PERR': 15,
};

/** The status and control registers of each header type. */
export const HEADER_STATES: readonly (readonly StateRegister[])[] = [
  COMMON,
  [...COMMON, state('Secondary status', 0x1e, 16), state('BridgeCtl', 0x3e, 16)],
  [
    ...COMMON,
    state('BridgeCtl', 0x3e, 16),
    // lspci lists this register only if SERR is set.
    { ...state('BridgeCtl', 0x16, 16, SECONDARY), part: 'Secondary status' },
  ],
];
