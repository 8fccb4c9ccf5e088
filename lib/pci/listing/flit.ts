import { bits } from '../bytes.js';
import { linkWidth } from './link-width.js';
import { hex, type Lister, type Place, sign, signs } from './row.js';

const unknown = (names: readonly (string | undefined)[], code: number): string =>
  names[code] ?? `Unknown (${code})`;

const FLITS = [
  'any',
  'any non-IDLE',
  'only payload',
  'only NOP',
  'only IDLE',
  'only payload+seq',
  'only payload+1seq',
];
const CONSECUTIVE = ['none', '1', '2', '3', undefined, '5', '6', 'pseudo-random'];
const ERRORS = ['random', 'correctable single group', 'correctable three groups', 'uncorrectable'];
const STATES = ['not started', 'started', 'completed', 'error'];

/** Flit Error Injection: PCI Express Base Specification, section 7.9.31. */
export const flitErrorInjection: Lister = (place) => {
  const control1 = place.u32(0x8);
  const control2 = place.u32(0xc);
  const status = place.u32(0x10);
  const ordered = place.u32(0x14);
  const targets = place.u32(0x18);
  const state = (low: number) => STATES[bits(status, low, low + 1)] ?? '';
  const enable = { En: 0, Tx: 1, Rx: 2 };
  const rates = {
    '2.5GT/s': 6,
    '5.0GT/s': 7,
    '8.0GT/s': 8,
    '16.0GT/s': 9,
    '32.0GT/s': 10,
    '64.0GT/s': 11,
  };
  const sets = { TS0: 16, TS1: 17, TS2: 18, SKP: 19, EIEOS: 20, EIOS: 21 };
  const more = { SDS: 22, Poll: 23, Conf: 24, L0: 25, NoEq: 26, Eq01: 27, Eq2: 28, Eq3: 29 };
  return {
    title: 'Flit Error Injection',
    lines: [
      `FlitEiCtl1: ${signs(control1, { ...enable, ...rates })}`,
      `  Number of errors: ${bits(control1, 16, 20)}, Spacing between errors: ${bits(control1, 21, 28)}, Flit Type: ${unknown(FLITS, bits(control1, 29, 31))}`,
      `FlitEiCtl2: Consecutive: ${unknown(CONSECUTIVE, bits(control2, 0, 2))}, Type: ${ERRORS[bits(control2, 3, 4)] ?? ''}, Offset: ${bits(control2, 5, 11)}, Magnitude: ${bits(control2, 12, 19)}`,
      `FlitEiSts: Tx: ${state(0)}, Rx: ${state(2)}`,
      `FlitEiOsCtl1: ${signs(ordered, { ...enable, ...sets })}`,
      `  ${signs(ordered, more)}`,
      `FlitEiOsCtl2: Bytes: ${hex(bits(targets, 0, 15), 4)}, Lanes: ${hex(bits(targets, 16, 31), 4)}`,
      ...orderedSets('FlitEiOsTx:', place.u32(0x1c)),
      ...orderedSets('FlitEiOsRx:', place.u32(0x20)),
    ],
  };
};

/** The ordered sets, in lines. The status of each ordered set has 2 bits. */
const ORDERED_SETS = [
  ['TS0', 'TS1', 'TS2'],
  ['SKP', 'EIEOS', 'EIOS'],
  ['SDS', 'Polling', 'Configuration'],
  ['L0', 'non-EQ recovery', 'Eq01'],
  ['Eq2', 'Eq3'],
];

function orderedSets(label: string, status: number): string[] {
  return ORDERED_SETS.map((names, line) => {
    const states = names.map((name, index) => {
      const low = 2 * (3 * line + index);
      return `${name}: ${STATES[bits(status, low, low + 1)] ?? ''}`;
    });
    return `${line === 0 ? label : ' '} ${states.join(', ')}`;
  });
}

const GRANULARITIES = ['all', 'even', 'odd', 'mismatch'];
const LANES = 16;

/** Flit Logging: section 7.7.8. */
export const flitLogging: Lister = (place) => {
  const log1 = place.u32(0x4);
  const log2 = place.u32(0x8);
  const control = place.u16(0xc);
  const status = place.u16(0xe);
  const measurement = place.u32(0x10);
  const found = { 'More entries': 13, 'Unrecognized flit': 14, 'FEC uncorrectable': 15 };
  const counter = { 'Flit Error Counter En': 0, 'Flit Error Counter Interrupt En': 1 };
  return {
    title: 'Flit Logging',
    lines: [
      `Log1: Valid${sign(log1, 0)}, Link Width: ${linkWidth(bits(log1, 1, 3))}`,
      `  ${signs(log1, found)}`,
      `  ${syndromes(log1, 16, 0)}`,
      `Log2: ${syndromes(log2, 0, 1)}`,
      `  ${syndromes(log2, 16, 2)}`,
      `CntCtl: ${signs(control, counter)}`,
      `  Events to count: ${bits(control, 2, 3)}, Trigger Event on Error Count: ${hex(bits(control, 4, 11), 2)}`,
      `CntSts: Link Width when Error Counter Started ${linkWidth(bits(status, 0, 2))}`,
      `  Interrupt Generated based on Trigger Event Count${sign(status, 3)}, FlitErr: ${bits(status, 8, 15)}`,
      `MeasCtl: En${sign(measurement, 0)} Granularity: ${unknown(GRANULARITIES, bits(measurement, 2, 3))}`,
      `MeasSts1: Flit Counter: ${place.u32(0x14)}`,
      `MeasSts2: Invalid Flit Counter: ${place.u16(0x18)}`,
      ...Array.from({ length: LANES / 2 }, (_, pair) => laneCounters(place, pair)),
    ],
  };
};

function syndromes(log: number, low: number, group: number): string {
  const byte = (from: number) => hex(bits(log, from, from + 7), 2);
  return `SyndParityGrp${group}: ${byte(low)}, SyndCheckGrp${group}: ${byte(low + 8)}`;
}

/** Formats the counters of two lanes, which are in one register. */
function laneCounters(place: Place, pair: number): string {
  const counter = (lane: number) => `Lane${lane}: ${place.u16(0x1c + 2 * lane)}`;
  return `MeasSts${pair + 3}: ${counter(2 * pair)}, ${counter(2 * pair + 1)}`;
}
