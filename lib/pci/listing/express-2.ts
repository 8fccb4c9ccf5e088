import { decodeBars, isHalfBar } from '../bars.js';
import { bits, u32 } from '../bytes.js';
import { type Place, sign, signs } from './row.js';

const ROOT = 4;
const UPSTREAM = 5;
const DOWNSTREAM = 6;
const PCI_TO_PCIE = 8;

/**
 * Completion Timeout Ranges and Value: PCI Express Base Specification, sections 7.5.3.15 and
 * 7.5.3.16.
 */
const RANGES: Readonly<Record<number, string>> = {
  0: 'Not Supported',
  1: 'Range A',
  2: 'Range B',
  3: 'Range AB',
  6: 'Range BC',
  7: 'Range ABC',
  14: 'Range BCD',
  15: 'Range ABCD',
};
const TIMEOUTS: Readonly<Record<number, string>> = {
  0: '50us to 50ms',
  1: '50us to 100us',
  2: '1ms to 10ms',
  5: '16ms to 55ms',
  6: '65ms to 210ms',
  9: '260ms to 900ms',
  10: '1s to 3.5s',
  13: '4s to 13s',
  14: '17s to 64s',
};
const OBFF = ['Not Supported', 'Via message', 'Via WAKE#', 'Via message/WAKE#'];
const OBFF_ENABLED = ['Disabled', 'Via message A', 'Via message B', 'Via WAKE#'];
const EMERGENCY = ['Not Supported', 'Dev Specific', 'Form Factor Dev Specific', 'Reserved'];
const CACHE_LINES = ['Not Supported', '64byte cachelines', '128byte cachelines', 'Reserved'];
const TPH = ['TPHComp- ExtTPHComp-', 'TPHComp+ ExtTPHComp-', '', 'TPHComp+ ExtTPHComp+'];

/** Formats the registers that exist only in version 2 of the capability. */
export function expressVersion2(place: Place, type: number, hasLink: boolean): string[] {
  return [
    ...capabilityLines(place, type),
    ...controlLines(place, type),
    ...(hasLink ? linkLines(place, type) : []),
  ];
}

function capabilityLines(place: Place, type: number): string[] {
  const register = place.u32(0x24);
  const isPort = [ROOT, UPSTREAM, DOWNSTREAM].includes(type);
  const completes = type === ROOT || hasMemory(place.config);
  const prefixes =
    bits(register, 21) === 1 ? `, MaxEETLPPrefixes ${bits(register, 22, 23) || 4}` : '';
  const atomics = {
    ...(isPort ? { Routing: 6 } : {}),
    ...(completes ? { '32bit': 7, '64bit': 8, '128bitCAS': 9 } : {}),
  };
  const rest = [
    `FRS${sign(register, 31)}`,
    ...(type === ROOT ? [`LN System CLS ${CACHE_LINES[bits(register, 14, 15)] ?? ''},`] : []),
    ...(type === ROOT || type === 0 ? [TPH[bits(register, 12, 13)] ?? ''] : []),
    ...(type === ROOT || type === DOWNSTREAM ? [`ARIFwd${sign(register, 5)}`] : []),
  ];
  return [
    `DevCap2: Completion Timeout: ${RANGES[bits(register, 0, 3)] ?? 'Unknown'}, ${signs(register, { TimeoutDis: 4, NROPrPrP: 10, LTR: 11 })}`,
    `  ${signs(register, { '10BitTagComp': 16, '10BitTagReq': 17 })} OBFF ${OBFF[bits(register, 18, 19)] ?? ''}, ${signs(register, { ExtFmt: 20, EETLPPrefix: 21 })}${prefixes}`,
    `  EmergencyPowerReduction ${EMERGENCY[bits(register, 24, 25)] ?? ''}, EmergencyPowerReductionInit${sign(register, 26)}`,
    `  ${rest.join(' ')}`,
    ...(isPort || completes ? [`  AtomicOpsCap: ${signs(register, atomics)}`] : []),
  ];
}

function controlLines(place: Place, type: number): string[] {
  const register = place.u16(0x28);
  const isPort = [ROOT, UPSTREAM, DOWNSTREAM].includes(type);
  const requests = [ROOT, 0, 1, 9].includes(type);
  const atomics = {
    ...(requests ? { ReqEn: 6 } : {}),
    ...(isPort ? { EgressBlck: 7 } : {}),
  };
  const forwards = type === ROOT || type === DOWNSTREAM ? ` ARIFwd${sign(register, 5)}` : '';
  return [
    `DevCtl2: Completion Timeout: ${TIMEOUTS[bits(register, 0, 3)] ?? 'Unknown'}, TimeoutDis${sign(register, 4)}${forwards}`,
    ...(isPort || requests ? [`  AtomicOpsCtl: ${signs(register, atomics)}`] : []),
    `  ${signs(register, { IDOReq: 8, IDOCompl: 9, LTR: 10, EmergencyPowerReductionReq: 11 })}`,
    `  10BitTagReq${sign(register, 12)} OBFF ${OBFF_ENABLED[bits(register, 13, 14)] ?? ''}, EETLPPrefixBlk${sign(register, 15)}`,
  ];
}

/**
 * Whether the function has a BAR in memory space. A function can complete AtomicOps only in memory
 * space.
 */
function hasMemory(config: Uint8Array): boolean {
  return decodeBars(config).some((bar) => {
    const isThere = ![0, 0xffff_ffff].includes(u32(config, 0x10 + 4 * bar.index));
    return isThere && bar.kind !== 'io' && !isHalfBar(bar, config);
  });
}

const TARGETS = ['2.5GT/s', '2.5GT/s', '5GT/s', '8GT/s', '16GT/s', '32GT/s', '64GT/s', '128GT/s'];
/**
 * The link speeds. The index is the number of the highest set bit in Supported Link Speeds. A link
 * supports the highest speed and all lower speeds.
 */
const SUPPORTED = [
  ...['Unknown', '2.5GT/s', '2.5-5GT/s', '2.5-8GT/s', '2.5-16GT/s', '2.5-32GT/s', '2.5-64GT/s'],
  '2.5-128GT/s',
];
const FULL_SWING = '800-1200mV(full-swing)/400-700mV(half-swing)';
const LOW_SWING = '200-400mV(full-swing)/100-200mV(half-swing)';
const MARGINS = ['Normal Operating Range', FULL_SWING, LOW_SWING, LOW_SWING, LOW_SWING, LOW_SWING];
/** The de-emphasis and the preshoot of each preset, in dB: section 4.2.3.2. */
const PRESETS: readonly (readonly [string, string])[] = [
  ['-6', '0'],
  ['-3.5', '0'],
  ['-4.4', '0'],
  ['-2.5', '0'],
  ['0', '0'],
  ['0', '1.9'],
  ['0', '2.5'],
  ['-6.0', '3.5'],
  ['-3.5', '3.5'],
  ['0', '3.5'],
];
const CROSSLINK = ['unsupported', 'Upstream Port', 'Downstream Port', 'incomplete'];
const COMPONENT: Readonly<Record<number, string>> = {
  0: 'Link Down - Not Determined',
  1: 'Link Down - Not Present',
  2: 'Link Down - Present',
  4: 'Link Up - Present',
  5: 'Link Up - Present and DRS Received',
};

function linkLines(place: Place, type: number): string[] {
  const capabilities = place.u32(0x2c);
  const control = place.u16(0x30);
  const status = place.u16(0x32);
  const speeds = bits(capabilities, 1, 7);
  const supported = SUPPORTED[32 - Math.clz32(speeds)] ?? 'Unknown';
  const [deemphasis, preshoot] = PRESETS[bits(control, 12, 15)] ?? [];
  const preset =
    deemphasis === undefined
      ? 'Unknown'
      : `${deemphasis}dB de-emphasis, ${preshoot ?? ''}dB preshoot`;
  const level = (register: number, bit: number) => (bits(register, bit) === 1 ? '-3.5dB' : '-6dB');
  const selectable = type === DOWNSTREAM ? `, Selectable De-emphasis: ${level(control, 6)}` : '';
  const isAbove = [ROOT, DOWNSTREAM, PCI_TO_PCIE].includes(type);
  const drs = isAbove && bits(capabilities, 31) === 1;
  const component = COMPONENT[bits(status, 12, 14)] ?? 'Reserved';
  return [
    ...(capabilities === 0
      ? []
      : [
          `LnkCap2: Supported Link Speeds: ${supported}, ${signs(capabilities, { Crosslink: 8, Retimer: 23, '2Retimers': 24, DRS: 31 })}`,
        ]),
    `LnkCtl2: Target Link Speed: ${TARGETS[bits(control, 0, 3)] ?? 'Unknown'}, ${signs(control, { EnterCompliance: 4, SpeedDis: 5 })}${selectable}`,
    `  Transmit Margin: ${MARGINS[bits(control, 7, 9)] ?? 'Unknown'}, ${signs(control, { EnterModifiedCompliance: 10, ComplianceSOS: 11 })}`,
    `  Compliance Preset/De-emphasis: ${preset}`,
    `LnkSta2: Current De-emphasis Level: ${level(status, 0)}, ${signs(status, { EqualizationComplete: 1, EqualizationPhase1: 2 })}`,
    `  ${signs(status, { EqualizationPhase2: 3, EqualizationPhase3: 4, LinkEqualizationRequest: 5 })}`,
    `  ${signs(status, { Retimer: 6, '2Retimers': 7 })} CrosslinkRes: ${CROSSLINK[bits(status, 8, 9)] ?? ''}, FltMode${sign(status, 10)}${drs ? `, DRS${sign(status, 15)}` : ''}`,
    ...(drs ? [`  DownstreamComp: ${component}`] : []),
  ];
}
