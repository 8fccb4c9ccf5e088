import { bits, isSet, u16, u32, u8 } from '../bytes.js';
import { hex, signs } from './row.js';

const CONTROL = {
  Parity: 0,
  SERR: 1,
  ISA: 2,
  VGA: 3,
  MAbort: 5,
  '>Reset': 6,
  '16bInt': 7,
  PostWrite: 10,
};

/** Formats the header of a CardBus bridge, which has 0x48 bytes: PC Card Standard, volume 8. */
export function cardbusLines(config: Uint8Array): string[] {
  const bus = (offset: number) => hex(u8(config, offset), 2);
  const legacy = u16(config, 0x44);
  return [
    `Bus: primary=${bus(0x18)}, secondary=${bus(0x19)}, subordinate=${bus(0x1a)}, sec-latency=${u8(config, 0x1b)}`,
    ...[0, 1].map((index) => memoryWindow(config, index)),
    ...[0, 1].map((index) => ioWindow(config, index)),
    ...(isSet(u16(config, 0x16), 14) ? ['Secondary status: SERR'] : []),
    `BridgeCtl: ${signs(u16(config, 0x3e), CONTROL)}`,
    ...(legacy === 0 || config.length < 0x46
      ? []
      : [`16-bit legacy interface ports at ${hex(legacy, 4)}`]),
  ];
}

/** Formats a memory window. The registers contain addresses in units of 4 KiB. */
function memoryWindow(config: Uint8Array, index: number): string {
  const [base, limit] = [u32(config, 0x1c + 8 * index), u32(config, 0x20 + 8 * index)];
  const disabled = isSet(u16(config, 0x04), 1) ? '' : ' [disabled]';
  const prefetchable = isSet(u16(config, 0x3e), 8 + index) ? ' (prefetchable)' : '';
  return `Memory window ${index}: ${hex(base, 8)}-${hex(limit + 0xfff, 8)}${disabled}${prefetchable}`;
}

/**
 * Formats an I/O window. The registers contain addresses in units of 4 bytes. Bit 0 of the base
 * register shows whether the registers for the upper 16 address bits exist.
 */
function ioWindow(config: Uint8Array, index: number): string {
  const read = (offset: number) => u32(config, offset + 8 * index);
  const isWide = isSet(read(0x2c), 0);
  const [base, limit] = [read(0x2c), read(0x30)].map((end) =>
    isWide ? bits(end, 2, 31) * 4 : bits(end, 2, 15) * 4,
  );
  const disabled = isSet(u16(config, 0x04), 0) ? '' : ' [disabled]';
  return `I/O window ${index}: ${hex(base ?? 0, 8)}-${hex((limit ?? 0) + 3, 8)}${disabled}`;
}
