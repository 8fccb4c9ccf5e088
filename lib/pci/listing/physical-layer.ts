import { bits } from '../bytes.js';
import { type Lister, signs } from './row.js';

const EQUALIZATION = {
  EquComplete: 0,
  EquPhase1: 1,
  EquPhase2: 2,
  EquPhase3: 3,
  LinkEquRequest: 4,
};

/** Physical Layer 16.0 GT/s: PCI Express Base Specification, section 7.7.5. */
export const physicalLayer16: Lister = (place) => ({
  title: 'Physical Layer 16.0 GT/s',
  lines: [`Phy16Sta: ${signs(place.u32(0xc), EQUALIZATION)}`],
});

/** The uses of modified training sets. The usage code is the index. */
const TRAINING = ['PCI Express', 'Training Set Messages', 'Alternate Protocol Negotiation'];
/** The texts for the values of the field Received Enhanced Link Behavior Control. */
const BEHAVIOR = [
  'Full Equalization required',
  'Equalization bypass to highest rate support',
  'No Equalization Needed',
  'Modified TS1/TS2 Ordered Sets supported',
];

/** Physical Layer 32.0 GT/s: section 7.7.6. */
export const physicalLayer32: Lister = (place) => {
  const capabilities = place.u32(0x4);
  const control = place.u32(0x8);
  const status = place.u32(0xc);
  const usage = bits(control, 8, 10);
  const bypass = { EqualizationBypass: 0, NoEqualizationNeeded: 1 };
  const received = { ModTsRecv: 5, TxPrecodeOn: 8, TxPrecodeReq: 9, NoEqualizationNeededRecv: 10 };
  return {
    title: 'Physical Layer 32.0 GT/s',
    lines: [
      `Phy32Cap: ${signs(capabilities, bypass)}`,
      `  ${signs(capabilities, { ModTsMode0: 8, ModTsMode1: 9, ModTsMode2: 10 })}`,
      `Phy32Ctl: ${signs(control, { EqualizationBypassDis: 0, NoEqualizationNeededDis: 1 })}`,
      `  Modified TS Usage Mode: ${TRAINING[usage] ?? `??${usage}`}`,
      `Phy32Sta: ${signs(status, EQUALIZATION)}`,
      `  Received Enhanced Link Behavior Control: ${BEHAVIOR[bits(status, 6, 7)] ?? ''}`,
      `  ${signs(status, received)}`,
    ],
  };
};

/** Physical Layer 64.0 GT/s: section 7.7.7. */
export const physicalLayer64: Lister = (place) => {
  const status = place.u32(0xc);
  const received = { TxPrecodeOn: 5, TxPrecodeReq: 6, NoEqualizationNeededRecv: 7 };
  return {
    title: 'Physical Layer 64.0 GT/s',
    lines: [`Phy64Sta: ${signs(status, EQUALIZATION)}`, `  ${signs(status, received)}`],
  };
};

/** Lane Margining at the Receiver: section 7.7.10. */
export const laneMargining: Lister = (place) => ({
  title: 'Lane Margining at the Receiver',
  lines: [
    `PortCap: ${signs(place.u16(0x4), { 'Uses Driver': 0 })}`,
    `PortSta: ${signs(place.u16(0x6), { MargReady: 0, MargSoftReady: 1 })}`,
  ],
});
