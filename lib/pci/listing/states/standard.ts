import { bits, u8 } from '../../bytes.js';
import { state, type StateRegister } from '../remaining.js';
import type { Place } from '../row.js';

/** PCI Express: PCI Express Base Specification, section 7.5.3. */
const EXPRESS = [
  state('DevCtl', 0x08, 16, { FLReset: 15 }),
  state('DevSta', 0x0a, 16, { EmergencyPowerReduction: 6 }),
  state('LnkCtl', 0x10, 16, {
    PtmPropDelayAdaptB: 2,
    RCB: 3,
    RetrainLnk: 5,
    SRISClk: 12,
    DRSSignaling: [14, 15],
  }),
  state('LnkSta', 0x12, 16),
  state('SltCtl', 0x18, 16, { AutoPwrLimitDis: 13, InBandPresDetDis: 14 }),
  state('SltSta', 0x1a, 16),
  state('RootCtl', 0x1c, 16, { NoNFMSubtree: 5 }),
  state('RootSta', 0x20, 32),
  state('DevCtl2', 0x28, 16, { ARIFwd: 5, AtomicOpReqEn: 6, AtomicOpEgressBlck: 7 }),
  state('LnkCtl2', 0x30, 16, { SelectableDeemphasis: 6 }),
  state('LnkSta2', 0x32, 16, { DownstreamComp: [12, 14], DRS: 15 }),
];

/** HyperTransport: only the two kinds of interfaces have control registers. */
function hypertransport(place: Place): readonly StateRegister[] {
  const isHost = bits(place.u8(3), 5, 7) === 1;
  const links = isHost
    ? [['', 4]]
    : [
        [' 0', 4],
        [' 1', 8],
      ];
  return [
    state('Command', 0x02, 16, isHost ? { DevNum: [2, 6] } : {}),
    ...links.flatMap(([name = '', at = 0]) => [
      state(`Link Control${name}`, Number(at), 16),
      state(`Link Config${name}`, Number(at) + 2, 16),
    ]),
  ];
}

function pcix(place: Place): readonly StateRegister[] {
  const isBridge = bits(u8(place.config, 0x0e), 0, 6) === 1;
  return isBridge
    ? [state('Secondary Status', 0x02, 16), state('Status', 0x04, 32)]
    : [state('Command', 0x02, 16), state('Status', 0x04, 32)];
}

/** The status and control registers of each standard capability, by capability id. */
export const STANDARD_STATES: Readonly<Record<number, (place: Place) => readonly StateRegister[]>> =
  {
    0x01: () => [state('Status', 0x04, 16), state('Bridge', 0x06, 8)],
    0x02: () => [state('Status', 0x04, 32), state('Command', 0x08, 32)],
    0x05: () => [state(null, 0x02, 16, { ExtMsgDataCap: 9, ExtMsgDataEn: 10 })],
    0x07: pcix,
    0x08: hypertransport,
    0x10: () => EXPRESS,
    0x11: () => [state(null, 0x02, 16)],
    0x13: () => [state('AFCtrl', 0x04, 8), state('AFStatus', 0x05, 8)],
  };
