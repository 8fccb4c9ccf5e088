import { bits } from '../bytes.js';
import { hex, type Lister, type Place, signs } from './row.js';

/** Uncorrectable errors: PCI Express Base Specification, section 7.8.4.2. One object per line. */
const UNCORRECTABLE = [
  {
    DLP: 4,
    SDES: 5,
    TLP: 12,
    FCP: 13,
    CmpltTO: 14,
    CmpltAbrt: 15,
    UnxCmplt: 16,
    RxOF: 17,
    MalfTLP: 18,
  },
  {
    ECRC: 19,
    UnsupReq: 20,
    ACSViol: 21,
    UncorrIntErr: 22,
    BlockedTLP: 23,
    AtomicOpBlocked: 24,
    TLPBlockedErr: 25,
  },
  {
    PoisonTLPBlocked: 26,
    DMWrReqBlocked: 27,
    IDECheck: 28,
    MisIDETLP: 29,
    PCRC_CHECK: 30,
    TLPXlatBlocked: 31,
  },
] as const;
/** Correctable errors: section 7.8.4.5. */
const CORRECTABLE = {
  RxErr: 0,
  BadTLP: 6,
  BadDLLP: 7,
  Rollover: 8,
  Timeout: 12,
  AdvNonFatalErr: 13,
  CorrIntErr: 14,
  HeaderOF: 15,
};

const ROOT_PORT = 4;
const EVENT_COLLECTOR = 10;

/** Advanced Error Reporting: section 7.8.4. */
export const errorReporting: Lister = (place) => {
  const control = place.u32(0x18);
  const ecrc = { ECRCGenCap: 5, ECRCGenEn: 6, ECRCChkCap: 7, ECRCChkEn: 8 };
  const logs = { MultHdrRecCap: 9, MultHdrRecEn: 10, TLPPfxPres: 11, HdrLogCap: 12 };
  const header = [0x1c, 0x20, 0x24, 0x28].map((offset) => hex(place.u32(offset), 8));
  const isRoot = place.portType === ROOT_PORT || place.portType === EVENT_COLLECTOR;
  return {
    title: 'Advanced Error Reporting',
    lines: [
      ...uncorrectable('UESta', place.u32(0x04)),
      ...uncorrectable('UEMsk', place.u32(0x08)),
      ...uncorrectable('UESvrt', place.u32(0x0c)),
      `CESta: ${signs(place.u32(0x10), CORRECTABLE)}`,
      `CEMsk: ${signs(place.u32(0x14), CORRECTABLE)}`,
      `AERCap: First Error Pointer: ${hex(bits(control, 0, 4), 2)}, ${signs(control, ecrc)}`,
      `  ${signs(control, logs)}`,
      `HeaderLog: ${header.join(' ')}`,
      ...(isRoot ? rootLines(place) : []),
    ],
  };
};

function uncorrectable(label: string, register: number): string[] {
  return UNCORRECTABLE.map(
    (names, index) => `${index === 0 ? `${label}:` : ' '} ${signs(register, names)}`,
  );
}

/** Root error registers: sections 7.8.4.9 and later. */
function rootLines(place: Place): string[] {
  const status = place.u32(0x30);
  const received = { CERcvd: 0, MultCERcvd: 1, UERcvd: 2, MultUERcvd: 3 };
  const messages = { FirstFatal: 4, NonFatalMsg: 5, FatalMsg: 6 };
  return [
    `RootCmd: ${signs(place.u32(0x2c), { CERptEn: 0, NFERptEn: 1, FERptEn: 2 })}`,
    `RootSta: ${signs(status, received)}`,
    `  ${signs(status, messages)} IntMsgNum ${bits(status, 27, 31)}`,
    `ErrorSrc: ERR_COR: ${hex(place.u16(0x34), 4)} ERR_FATAL/NONFATAL: ${hex(place.u16(0x36), 4)}`,
  ];
}

/** Downstream Port Containment: section 7.9.14. */
export const containment: Lister = (place) => {
  const capabilities = place.u16(4);
  const control = place.u16(6);
  const status = place.u16(8);
  const can = { RPExt: 5, PoisonedTLP: 6, SwTrigger: 7 };
  const does = { Cmpl: 2, INT: 3, ErrCor: 4, PoisonedTLP: 5, SwTrigger: 6, DL_ActiveErr: 7 };
  return {
    title: 'Downstream Port Containment',
    lines: [
      `DpcCap: IntMsgNum ${bits(capabilities, 0, 4)}, ${signs(capabilities, can)} RP PIO Log ${bits(capabilities, 8, 11)}, ${signs(capabilities, { DL_ActiveErr: 12 })}`,
      `DpcCtl: Trigger:${bits(control, 0, 1)} ${signs(control, does)}`,
      `DpcSta: ${signs(status, { Trigger: 0 })} Reason:${hex(bits(status, 1, 2), 2)} ${signs(status, { INT: 3, RPBusy: 4 })} TriggerExt:${hex(bits(status, 5, 6), 2)} RP PIO ErrPtr:${hex(bits(status, 8, 12), 2)}`,
      `Source: ${hex(place.u16(10), 4)}`,
    ],
  };
};
