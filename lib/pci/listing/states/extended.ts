import { bits } from '../../bytes.js';
import { streamsOf } from '../ide.js';
import { state, type StateRegister } from '../remaining.js';
import { hex, type Place } from '../row.js';
import { designatedStates } from './cxl.js';

const AER = [
  state('UESta', 0x04, 32),
  state('UEMsk', 0x08, 32),
  state('UESvrt', 0x0c, 32),
  state('CESta', 0x10, 32),
  state('CEMsk', 0x14, 32),
  state('AERCap', 0x18, 32, { FlitTLPLog: 18, TLPLogSize: [19, 23] }),
  state('RootCmd', 0x2c, 32),
  state('RootSta', 0x30, 32, { ErrCorSubclass: [7, 8] }),
];

function virtualChannel(place: Place): readonly StateRegister[] {
  const channels = Array.from({ length: bits(place.u32(4), 0, 2) + 1 }, (_, index) => {
    const at = 0x10 + 12 * index;
    return [
      { ...state(`VC${index}`, at + 4, 32, { LoadPortArb: 16 }), part: 'Ctrl' },
      { ...state(`VC${index}`, at + 10, 16), part: 'Status' },
    ];
  });
  return [state('Ctrl', 0x0c, 16, { LoadVCArb: 0 }), state('Status', 0x0e, 16), ...channels.flat()];
}

function resizableBar(place: Place): readonly StateRegister[] {
  const count = bits(place.u32(8), 5, 7);
  return Array.from({ length: count }, (_, index) =>
    state(index, 8 + 8 * index, 32, index === 0 ? { NumBars: [5, 7] } : {}),
  );
}

function dataEncryption(place: Place): readonly StateRegister[] {
  const streams = streamsOf(place).flatMap(({ name, control }) => {
    const line = (at: number, what: string) => `[${hex(place.offset + at, 1)}]${name} ${what}`;
    return [
      state(line(control, 'Ctl'), control, 32),
      state(line(control + 4, 'Sta'), control + 4, 32),
    ];
  });
  return [state('IDECtl', 0x08, 32), ...streams];
}

/** The status and control registers of each extended capability, by capability id. */
export const EXTENDED_STATES: Readonly<Record<number, (place: Place) => readonly StateRegister[]>> =
  {
    0x01: () => AER,
    0x02: virtualChannel,
    0x09: virtualChannel,
    0x0d: () => [
      state('ACSCtl', 0x06, 16, {
        IOReqBlk: 7,
        DSPMemTarget: [8, 9],
        USPMemTarget: [10, 11],
        UnclaimedReqRedir: 12,
      }),
    ],
    0x0e: () => [state('ARICtl', 0x06, 16)],
    0x0f: () => [state('ATSCtl', 0x06, 16)],
    0x10: () => [state('IOVCtl', 0x08, 16, { '14BitTagReq': 6 }), state('IOVSta', 0x0a, 16)],
    0x12: () => [state('McastCtl', 0x06, 16)],
    0x13: () => [state('PRICtl', 0x04, 16), state('PRISta', 0x06, 16)],
    0x15: resizableBar,
    0x18: () => [
      state('Max snoop latency', 0x04, 16, { Requirement: 15 }),
      state('Max no snoop latency', 0x06, 16, { Requirement: 15 }),
    ],
    0x19: () => [
      state('LnkCtl3', 0x04, 32, { LowerSKPGeneration: [9, 15] }),
      state('LaneErrStat', 0x08, 32, { Lanes16To31: [16, 31] }),
    ],
    0x1b: () => [state('PASIDCtl', 0x06, 16, { TranslatedReqPASID: 3 })],
    0x1d: () => [
      state('DpcCtl', 0x06, 16, { SigSFW: 8 }),
      state('DpcSta', 0x08, 16, { SigSFW: 13 }),
    ],
    0x1e: () => [
      state('L1SubCtl1', 0x08, 32, {
        LinkActInt: 4,
        LinkAct: 5,
        T_CommonMode: [8, 15],
        LTRThreshold: [16, 25],
        LTRThresholdScale: [29, 31],
      }),
      state('L1SubCtl2', 0x0c, 32, { T_PwrOnScale: [0, 1], T_PwrOn: [3, 7] }),
    ],
    0x1f: () => [state('PTMControl', 0x08, 32)],
    0x23: designatedStates,
    0x24: resizableBar,
    0x26: () => [state('Phy16Sta', 0x0c, 32)],
    0x27: () => [state('PortSta', 0x06, 16)],
    0x2a: () => [state('Phy32Ctl', 0x08, 32), state('Phy32Sta', 0x0c, 32)],
    0x2e: () => [
      state('DOECtl', 0x08, 32, { Abort: 0, AttnNotNeeded: 2, AsyncMsgEn: 3, Go: 31 }),
      state('DOESta', 0x0c, 32, { AsyncMsg: 3, Attn: 4 }),
    ],
    0x2f: () => [state('DevCtl3', 0x08, 32), state('DevSta3', 0x0c, 32)],
    0x30: dataEncryption,
    0x31: () => [state('Phy64Sta', 0x0c, 32)],
    0x32: () => [
      state('Log1', 0x04, 32),
      state('CntCtl', 0x0c, 16),
      state('CntSts', 0x0e, 16),
      state('MeasCtl', 0x10, 32),
      state('MeasSts2', 0x18, 32),
    ],
    0x34: () => [
      state('FlitEiCtl1', 0x08, 32),
      state('FlitEiCtl2', 0x0c, 32),
      state('FlitEiSts', 0x10, 32),
      state('FlitEiOsCtl1', 0x14, 32),
      state('FlitEiOsCtl2', 0x18, 32),
      state('FlitEiOsTx', 0x1c, 32),
      state('FlitEiOsRx', 0x20, 32),
    ],
  };
