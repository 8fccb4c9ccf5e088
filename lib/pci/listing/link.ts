import { bits } from '../bytes.js';
import { type Lister, sign, signs } from './row.js';

/**
 * Formats a latency in ns. The latency is a value multiplied by 32^scale. The scale is from 0 to 5.
 * Section 7.8.2.2.
 */
function latency(register: number): string {
  const scale = bits(register, 10, 12);
  if (scale > 5) return '<error>';
  return `${bits(register, 0, 9) * 32 ** scale}ns`;
}

/** Latency Tolerance Reporting: PCI Express Base Specification, section 7.8.2. */
export const latencyTolerance: Lister = (place) => ({
  title: 'Latency Tolerance Reporting',
  lines: [
    `Max snoop latency: ${latency(place.u16(4))}`,
    `Max no snoop latency: ${latency(place.u16(6))}`,
  ],
});

/** Formats a power-on time in microseconds. If the scale is reserved, the result is `<error>`. */
function powerOn(scale: number, value: number): string {
  const unit = [2, 10, 100][scale];
  return unit === undefined ? '<error>' : `${unit * value}us`;
}

/** L1 PM Substates: section 7.8.3. */
export const l1Substates: Lister = (place) => {
  const capabilities = place.u32(4);
  const control1 = place.u32(8);
  const control2 = place.u32(12);
  const states = { 'PCI-PM_L1.2': 0, 'PCI-PM_L1.1': 1, 'ASPM_L1.2': 2, 'ASPM_L1.1': 3 };
  const hasL12 = bits(capabilities, 0) === 1 || bits(capabilities, 2) === 1;
  const scale = bits(control1, 29, 31);
  const threshold = scale > 5 ? '<error>' : `${bits(control1, 16, 25) * 32 ** scale}ns`;
  const ltr = bits(capabilities, 2) === 1 ? ` LTR1.2_Threshold=${threshold}` : '';
  const portPowerOn = powerOn(bits(capabilities, 16, 17), bits(capabilities, 19, 23));
  const time = powerOn(bits(control2, 0, 1), bits(control2, 3, 7));
  return {
    title: 'L1 PM Substates',
    lines: [
      `L1SubCap: ${signs(capabilities, { ...states, L1_PM_Substates: 4 })}`,
      ...(hasL12
        ? [
            `  PortCommonModeRestoreTime=${bits(capabilities, 8, 15)}us PortTPowerOnTime=${portPowerOn}`,
          ]
        : []),
      `L1SubCtl1: ${signs(control1, states)}`,
      ...(hasL12 ? [`  T_CommonMode=${bits(control1, 8, 15)}us${ltr}`] : []),
      `L1SubCtl2:${hasL12 ? ` T_PwrOn=${time}` : ''}`,
    ],
  };
};

function granularity(value: number, none: string): string {
  return value === 0 ? none : value === 0xff ? 'Greater than 254ns' : `${value}ns`;
}

/** Precision Time Measurement: section 7.9.15. */
export const precisionTime: Lister = (place) => {
  const capabilities = place.u32(4);
  const control = place.u32(8);
  return {
    title: 'Precision Time Measurement',
    lines: [
      `PTMCap: ${signs(capabilities, { Requester: 0, Responder: 1, Root: 2 })}`,
      `PTMClockGranularity: ${granularity(bits(capabilities, 8, 15), 'Unimplemented')}`,
      `PTMControl: ${signs(control, { Enabled: 0, RootSelected: 1 })}`,
      `PTMEffectiveGranularity: ${granularity(bits(control, 8, 15), 'Unknown')}`,
    ],
  };
};

/** Secondary PCI Express: section 7.7.3. */
export const secondaryExpress: Lister = (place) => {
  const errors = place.u16(8);
  const lanes = Array.from({ length: 16 }, (_, lane) => lane).filter(
    (lane) => bits(errors, lane) === 1,
  );
  const status = lanes.length === 0 ? '0' : `LaneErr at lane: ${lanes.join(' ')}`;
  return {
    title: 'Secondary PCI Express',
    lines: [
      `LnkCtl3: ${signs(place.u16(4), { LnkEquIntrruptEn: 1, PerformEqu: 0 })}`,
      `LaneErrStat: ${status}`,
    ],
  };
};

const STEERING = [
  'No steering table available',
  'Steering table in TPH capability structure',
  'Steering table in MSI-X table',
  'Reserved steering table location',
];

/** TPH Requester: section 7.9.13. */
export const processingHints: Lister = (place) => {
  const register = place.u32(4);
  return {
    title: 'Transaction Processing Hints',
    lines: [
      ...(bits(register, 1) === 1 ? ['Interrupt vector mode supported'] : []),
      ...(bits(register, 2) === 1 ? ['Device specific mode supported'] : []),
      ...(bits(register, 8) === 1 ? ['Extended requester support'] : []),
      STEERING[bits(register, 9, 10)] ?? '',
    ],
  };
};

/** Data Object Exchange: section 7.9.24. */
export const dataObjectExchange: Lister = (place) => {
  const capabilities = place.u32(4);
  const status = { Busy: 0, IntSta: 1, Error: 2, ObjectReady: 31 };
  const message = `  IntMsgNum ${bits(capabilities, 1, 11)}`;
  return {
    title: 'Data Object Exchange',
    lines: [
      `DOECap: IntSup${sign(capabilities, 0)}`,
      ...(bits(capabilities, 0) === 1 ? [message] : []),
      `DOECtl: IntEn${sign(place.u32(8), 1)}`,
      `DOESta: ${signs(place.u32(12), status)}`,
    ],
  };
};
