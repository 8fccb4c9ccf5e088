import { bits } from '../bytes.js';
import { expressVersion2 } from './express-2.js';
import { powerLimit, rootLines, slotLines } from './express-port.js';
import { type Lister, type Place, sign, signs } from './row.js';

/** Device/Port Type: PCI Express Base Specification, section 7.5.3.2. */
const PORT = {
  endpoint: 0,
  legacyEndpoint: 1,
  root: 4,
  upstream: 5,
  downstream: 6,
  pcieToPci: 7,
  pciToPcie: 8,
  integratedEndpoint: 9,
  eventCollector: 10,
} as const;

const TYPES: Readonly<Record<number, string>> = {
  [PORT.endpoint]: 'Endpoint',
  [PORT.legacyEndpoint]: 'Legacy Endpoint',
  [PORT.root]: 'Root Port',
  [PORT.upstream]: 'Upstream Port',
  [PORT.downstream]: 'Downstream Port',
  [PORT.pcieToPci]: 'PCI-Express to PCI/PCI-X Bridge',
  [PORT.pciToPcie]: 'PCI/PCI-X to PCI-Express Bridge',
  [PORT.integratedEndpoint]: 'Root Complex Integrated Endpoint',
  [PORT.eventCollector]: 'Root Complex Event Collector',
};

const among = (type: number, ...types: readonly number[]): boolean => types.includes(type);

const L0S = ['<64ns', '<128ns', '<256ns', '<512ns', '<1us', '<2us', '<4us', 'unlimited'];
const L1 = ['<1us', '<2us', '<4us', '<8us', '<16us', '<32us', '<64us', 'unlimited'];
const SPEEDS: Readonly<Record<number, string>> = {
  1: '2.5GT/s',
  2: '5GT/s',
  3: '8GT/s',
  4: '16GT/s',
  5: '32GT/s',
  6: '64GT/s',
  7: '128GT/s',
};
const ASPM = ['', 'L0s', 'L1', 'L0s L1'];

export const express: Lister = (place) => {
  const capabilities = place.u16(2);
  const type = bits(capabilities, 4, 7);
  const hasLink = !among(type, PORT.integratedEndpoint, PORT.eventCollector);
  const canHaveSlot = among(type, PORT.root, PORT.downstream, PORT.pciToPcie);
  const name = TYPES[type] ?? `Unknown type ${type}`;
  const slot = canHaveSlot ? ` (Slot${sign(capabilities, 8)})` : '';
  const flit = bits(capabilities, 15) === 1 ? ', FLIT Mode Supported' : '';
  return {
    title: `Express (v${bits(capabilities, 0, 3)}) ${name}${slot}, IntMsgNum ${bits(capabilities, 9, 13)}${flit}`,
    lines: [
      ...deviceLines(place, type),
      ...(hasLink ? linkLines(place, type) : []),
      ...(canHaveSlot && bits(capabilities, 8) === 1 ? slotLines(place) : []),
      ...(among(type, PORT.root, PORT.eventCollector) ? rootLines(place) : []),
      ...(bits(capabilities, 0, 3) >= 2 ? expressVersion2(place, type, hasLink) : []),
    ],
  };
};

function deviceLines(place: Place, type: number): string[] {
  const capabilities = place.u32(0x04);
  const control = place.u16(0x08);
  const isEndpoint = among(type, PORT.endpoint, PORT.legacyEndpoint);
  const hasReset = isEndpoint || type === PORT.integratedEndpoint;
  const hasButtons = isEndpoint || among(type, PORT.upstream, PORT.pcieToPci);
  const hasLimit = among(type, PORT.endpoint, PORT.upstream, PORT.pcieToPci);
  const latency = `, Latency L0s ${L0S[bits(capabilities, 6, 8)] ?? ''}, L1 ${L1[bits(capabilities, 9, 11)] ?? ''}`;
  const limit = powerLimit(bits(capabilities, 18, 25), bits(capabilities, 26, 27));
  const flags = {
    ExtTag: 5,
    ...(hasButtons ? { AttnBtn: 12, AttnInd: 13, PwrInd: 14 } : {}),
    RBE: 15,
    ...(hasReset ? { FLReset: 28 } : {}),
  };
  const controls = {
    RlxdOrd: 4,
    ExtTag: 8,
    PhantFunc: 9,
    AuxPwr: 10,
    NoSnoop: 11,
    ...(type === PORT.pcieToPci ? { BrConfRtry: 15 } : {}),
    ...(hasReset && bits(capabilities, 28) === 1 ? { FLReset: 15 } : {}),
  };
  const errors = { CorrErr: 0, NonFatalErr: 1, FatalErr: 2, UnsupReq: 3 };
  const bytes = (register: number, low: number) => 128 << bits(register, low, low + 2);
  return [
    `DevCap: MaxPayload ${bytes(capabilities, 0)} bytes, PhantFunc ${2 ** bits(capabilities, 3, 4) - 1}${isEndpoint ? latency : ''}`,
    `  ${signs(capabilities, flags)}${hasLimit ? ` SlotPowerLimit ${limit}` : ''} TEE-IO${sign(capabilities, 30)}`,
    `DevCtl: ${signs(control, errors)}`,
    `  ${signs(control, controls)}`,
    `  MaxPayload ${bytes(control, 5)} bytes, MaxReadReq ${bytes(control, 12)} bytes`,
    `DevSta: ${signs(place.u16(0x0a), { ...errors, AuxPwr: 4, TransPend: 5 })}`,
  ];
}

function linkLines(place: Place, type: number): string[] {
  const capabilities = place.u32(0x0c);
  const control = place.u16(0x10);
  const status = place.u16(0x12);
  const aspm = bits(capabilities, 10, 11);
  const latencies = [
    ...(aspm % 2 === 1 ? [`L0s ${L0S[bits(capabilities, 12, 14)] ?? ''}`] : []),
    ...(aspm >= 2 ? [`L1 ${L1[bits(capabilities, 15, 17)] ?? ''}`] : []),
  ];
  const exit = aspm === 0 ? '' : `, Exit Latency ${latencies.join(', ')}`;
  const hasRcb = among(type, PORT.root, PORT.endpoint, PORT.legacyEndpoint, PORT.pcieToPci);
  const rcb = hasRcb ? ` RCB ${bits(control, 3) === 1 ? 128 : 64} bytes,` : '';
  const speed = (code: number) => SPEEDS[code] ?? 'unknown';
  const enabled = [ASPM[bits(control, 0, 1)], 'Enabled'].join(' ');
  const compared = (low: number, high: number) =>
    compare(type, bits(status, low, high), bits(capabilities, low, high));
  return [
    `LnkCap: Port #${bits(capabilities, 24, 31)}, Speed ${speed(bits(capabilities, 0, 3))}, Width x${bits(capabilities, 4, 9)}, ASPM ${aspm === 0 ? 'not supported' : (ASPM[aspm] ?? '')}${exit}`,
    `  ${signs(capabilities, { ClockPM: 18, Surprise: 19, LLActRep: 20, BwNot: 21, ASPMOptComp: 22 })}`,
    `LnkCtl: ASPM ${bits(control, 0, 1) === 0 ? 'Disabled' : enabled};${rcb} ${signs(control, { LnkDisable: 4, CommClk: 6 })}`,
    `  ${signs(control, { ExtSynch: 7, ClockPM: 8, AutWidDis: 9, BWInt: 10, AutBWInt: 11, FltModeDis: 13 })}`,
    `LnkSta: Speed ${speed(bits(status, 0, 3))}${compared(0, 3)}, Width x${bits(status, 4, 9)}${compared(4, 9)}`,
    `  ${signs(status, { TrErr: 10, Train: 11, SlotClk: 12, DLActive: 13, BWMgmt: 14, ABWMgmt: 15 })}`,
  ];
}

/**
 * Marks a link value that is below the maximum that the function supports. The value of a port is
 * not marked, because the device at the other end of the link can be the cause of the lower value.
 */
function compare(type: number, now: number, able: number): string {
  if (now > able) return ' (overdriven)';
  const isPort = among(type, PORT.root, PORT.downstream, PORT.pciToPcie);
  return now === able || isPort ? '' : ' (downgraded)';
}
