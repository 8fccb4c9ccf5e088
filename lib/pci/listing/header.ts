import { decodeBars } from '../bars.js';
import { bits, isSet, u16, u32, u8 } from '../bytes.js';
import { hex, signs } from './row.js';

const CONTROL = {
  IO: 0,
  Mem: 1,
  BusMaster: 2,
  SpecCycle: 3,
  MemWINV: 4,
  VGASnoop: 5,
  ParErr: 6,
  Stepping: 7,
  SERR: 8,
  FastB2B: 9,
  DisINTx: 10,
};
const ABORTS = { '>TAbort': 11, '<TAbort': 12, '<MAbort': 13 };
const DEVSEL = ['fast', 'medium', 'slow', '??'];

/** The header's lines: PCI Express Base Specification, section 7.5.1. */
export function headerLines(config: Uint8Array): string[] {
  const type = bits(u8(config, 0x0e), 0, 6);
  const command = u16(config, 0x04);
  const status = u16(config, 0x06);
  const pin = u8(config, 0x3d);
  const bist = u8(config, 0x0f);
  const devsel = DEVSEL[bits(status, 9, 10)] ?? '';
  const before = { Cap: 4, '66MHz': 5, UDF: 6, FastB2B: 7, ParErr: 8 };
  return [
    `Control: ${signs(command, CONTROL).replace('IO', 'I/O')}`,
    `Status: ${signs(status, before)} DEVSEL=${devsel} ${signs(status, { ...ABORTS, '>SERR': 14, '<PERR': 15, INTx: 3 })}`,
    ...(isSet(command, 2) ? [latency(config, type)] : []),
    ...(pin === 0 ? [] : [`Interrupt: pin ${String.fromCharCode(0x40 + pin)}`]),
    ...(isSet(bist, 7) ? [bistLine(bist)] : []),
    ...barLines(config),
    ...(type === 1 ? bridgeLines(config) : []),
    ...romLines(config, type),
    ...(type === 1 ? bridgeControl(config) : []),
  ];
}

function latency(config: Uint8Array, type: number): string {
  const cacheLine = u8(config, 0x0c) * 4;
  const [least, most] = type === 0 ? [u8(config, 0x3e), u8(config, 0x3f)] : [0, 0];
  const limits = [
    ...(least === 0 ? [] : [`${least * 250}ns min`]),
    ...(most === 0 ? [] : [`${most * 250}ns max`]),
  ];
  const range = limits.length === 0 ? '' : ` (${limits.join(', ')})`;
  return `Latency: ${u8(config, 0x0d)}${range}${cacheLine === 0 ? '' : `, Cache Line Size: ${cacheLine} bytes`}`;
}

function bistLine(bist: number): string {
  return isSet(bist, 6) ? 'BIST is running' : `BIST result: ${hex(bits(bist, 0, 3), 2)}`;
}

const KINDS = ['32-bit', 'low-1M', '64-bit', 'type 3'];

/** The registers that are not zero: what they are, and where they are decoded. */
function barLines(config: Uint8Array): string[] {
  const command = u16(config, 0x04);
  return decodeBars(config).flatMap(({ index, kind, address, prefetchable }) => {
    const register = u32(config, 0x10 + 4 * index);
    if (register === 0 || register === 0xffff_ffff) return [];
    const unassigned = address === 0n;
    if (kind === 'io') {
      const where = unassigned && !isSet(command, 0) ? '<unassigned>' : hexOf(address, 4);
      return [`Region ${index}: I/O ports at ${where}${isSet(command, 0) ? '' : ' [disabled]'}`];
    }
    const where = unassigned ? '<unassigned>' : hexOf(address, 8);
    const what = `${KINDS[bits(register, 1, 2)] ?? ''}, ${prefetchable ? '' : 'non-'}prefetchable`;
    const disabled = isSet(command, 1) ? '' : ' [disabled]';
    return [`Region ${index}: Memory at ${where} (${what})${disabled}`];
  });
}

function hexOf(address: bigint, digits: number): string {
  return address.toString(16).padStart(digits, '0');
}

function romLines(config: Uint8Array, type: number): string[] {
  if (type > 1) return [];
  const register = u32(config, type === 0 ? 0x30 : 0x38);
  if (register === 0 || register === 0xffff_ffff) return [];
  const address = bits(register, 11, 31) * 2 ** 11;
  const where = address === 0 ? '<unassigned>' : hex(address, 8);
  const off = isSet(u16(config, 0x04), 1) ? '' : ' [disabled by cmd]';
  return [`Expansion ROM at ${where}${isSet(register, 0) ? off : ' [disabled]'}`];
}

function bridgeLines(config: Uint8Array): string[] {
  const bus = (offset: number) => hex(u8(config, offset), 2);
  const status = u16(config, 0x1e);
  return [
    `Bus: primary=${bus(0x18)}, secondary=${bus(0x19)}, subordinate=${bus(0x1a)}, sec-latency=${u8(config, 0x1b)}`,
    `Secondary status: ${signs(status, { '66MHz': 5, FastB2B: 7, ParErr: 8 })} DEVSEL=${DEVSEL[bits(status, 9, 10)] ?? ''} ${signs(status, { ...ABORTS, '<SERR': 14, '<PERR': 15 })}`,
  ];
}

function bridgeControl(config: Uint8Array): string[] {
  const control = u16(config, 0x3e);
  const flags = {
    Parity: 0,
    SERR: 1,
    NoISA: 2,
    VGA: 3,
    VGA16: 4,
    MAbort: 5,
    '>Reset': 6,
    FastB2B: 7,
  };
  const timers = { PriDiscTmr: 8, SecDiscTmr: 9, DiscTmrStat: 10, DiscTmrSERREn: 11 };
  return [`BridgeCtl: ${signs(control, flags)}`, `  ${signs(control, timers)}`];
}
