import { decodeBars, isHalfBar } from '../bars.js';
import { bits, isSet, u16, u32, u8 } from '../bytes.js';
import { walkCapabilities } from '../capabilities.js';
import { bridgeControl, bridgeLines } from './bridge.js';
import { cardbusLines } from './cardbus.js';
import { ABORTS, DEVSEL } from './header-status.js';
import { UNREADABLE } from './readable.js';
import { hex, signs } from './row.js';

const SIZE = 64;
const GONE = '!!! All ones: the device does not respond';
const BRIDGE = 1;
const CARDBUS = 2;
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

/** Formats the header: PCI Express Base Specification, section 7.5.1. */
export function headerLines(config: Uint8Array): string[] {
  if (config.length < SIZE) return [UNREADABLE];
  if (config.subarray(0, SIZE).every((byte) => byte === 0xff)) return [GONE];
  const type = bits(u8(config, 0x0e), 0, 6);
  if (type > CARDBUS) return [`!!! Unknown header type ${hex(type, 2)}`];
  const bist = u8(config, 0x0f);
  return [
    ...subsystemLines(config, type),
    ...wrongClass(config, type),
    ...commandLines(config),
    ...(isSet(u16(config, 0x04), 2) ? [latency(config, type)] : []),
    ...interruptLines(config),
    ...(isSet(bist, 7) ? [bistLine(bist)] : []),
    ...barLines(config),
    ...(type === BRIDGE ? bridgeLines(config) : []),
    ...(type === CARDBUS ? cardbusLines(config) : romLines(config, type)),
    ...(type === BRIDGE ? bridgeControl(config) : []),
  ];
}

const BRIDGE_CLASS = 0x06;
const PCI_BRIDGE = 0x0604;

/** Reports a class code that does not fit the header type. */
function wrongClass(config: Uint8Array, type: number): string[] {
  const code = u16(config, 0x0a);
  const isWrong = type === 0 ? code === PCI_BRIDGE : code >> 8 !== BRIDGE_CLASS;
  return isWrong ? [`!!! Invalid class ${hex(code, 4)} for header type ${hex(type, 2)}`] : [];
}

/**
 * Returns the offset of the subsystem ids, or undefined for a bridge without the subsystem
 * capability.
 */
function subsystemOffset(config: Uint8Array, type: number): number | undefined {
  if (type === 0) return 0x2c;
  if (type === CARDBUS) return 0x40;
  const capability = walkCapabilities(config).find(({ name }) => name === 'bridge_subsystem');
  return capability === undefined ? undefined : capability.offset + 4;
}

function subsystemLines(config: Uint8Array, type: number): string[] {
  const at = subsystemOffset(config, type);
  const vendor = at === undefined ? 0 : u16(config, at);
  if (at === undefined || vendor === 0 || vendor === 0xffff) return [];
  return [`Subsystem: ${hex(vendor, 4)}:${hex(u16(config, at + 2), 4)}`];
}

function commandLines(config: Uint8Array): string[] {
  const status = u16(config, 0x06);
  const devsel = DEVSEL[bits(status, 9, 10)] ?? '';
  const before = { Cap: 4, '66MHz': 5, UDF: 6, FastB2B: 7, ParErr: 8 };
  return [
    `Control: ${signs(u16(config, 0x04), CONTROL).replace('IO', 'I/O')}`,
    `Status: ${signs(status, before)} DEVSEL=${devsel} ${signs(status, { ...ABORTS, '>SERR': 14, '<PERR': 15, INTx: 3 })}`,
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

/**
 * Formats the interrupt pin. The values 1 to 4 are assigned to the pins A to D. If a function has
 * an interrupt line but no pin, the pin is unknown.
 */
function interruptLines(config: Uint8Array): string[] {
  const [line, pin] = [u8(config, 0x3c), u8(config, 0x3d)];
  const isDisabled = isSet(u16(config, 0x04), 10);
  if (pin === 0) return line === 0 || isDisabled ? [] : ['Interrupts: unknown pin'];
  const name = 'ABCD'[pin - 1] ?? `#${pin}`;
  return [`Interrupts: pin ${name}${isDisabled ? ' disabled' : ''}`];
}

function bistLine(bist: number): string {
  return isSet(bist, 6) ? 'BIST is running' : `BIST result: ${hex(bits(bist, 0, 3), 2)}`;
}

const KINDS = ['32-bit', 'low-1M', '64-bit', 'type 3'];

/** Formats the kind and the address of each BAR register that is not zero. */
function barLines(config: Uint8Array): string[] {
  const command = u16(config, 0x04);
  return decodeBars(config).flatMap((bar) => {
    const { index, kind, address, prefetchable } = bar;
    const register = u32(config, 0x10 + 4 * index);
    if (register === 0 || register === 0xffff_ffff) return [];
    const unassigned = address === 0n;
    if (kind === 'io') {
      const where = unassigned && !isSet(command, 0) ? '<unassigned>' : hexOf(address, 4);
      return [`Region ${index}: I/O ports at ${where}${isSet(command, 0) ? '' : ' [disabled]'}`];
    }
    const where = unassigned || isHalfBar(bar, config) ? '<unassigned>' : hexOf(address, 8);
    const what = `${KINDS[bits(register, 1, 2)] ?? ''}, ${prefetchable ? '' : 'non-'}prefetchable`;
    const disabled = isSet(command, 1) ? '' : ' [disabled]';
    return [`Region ${index}: Memory at ${where} (${what})${disabled}`];
  });
}

function hexOf(address: bigint, digits: number): string {
  return address.toString(16).padStart(digits, '0');
}

function romLines(config: Uint8Array, type: number): string[] {
  const register = u32(config, type === 0 ? 0x30 : 0x38);
  if (register === 0 || register === 0xffff_ffff) return [];
  const address = bits(register, 11, 31) * 2 ** 11;
  const where = address === 0 ? '<unassigned>' : hex(address, 8);
  const off = isSet(u16(config, 0x04), 1) ? '' : ' [disabled by cmd]';
  return [`Expansion ROM at ${where}${isSet(register, 0) ? off : ' [disabled]'}`];
}
