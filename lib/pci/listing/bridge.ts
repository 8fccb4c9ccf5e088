import { bits, u16, u8 } from '../bytes.js';
import { type AddressWindow, decodeHeader, isBridge } from '../header.js';
import { ABORTS, DEVSEL } from './header-status.js';
import { hex, signs } from './row.js';
import { byteSize } from './size.js';

/**
 * Formats the bus numbers and the windows of a bridge: PCI Express Base Specification, section
 * 7.5.1.3.
 */
export function bridgeLines(config: Uint8Array): string[] {
  const bus = (offset: number) => hex(u8(config, offset), 2);
  const status = u16(config, 0x1e);
  return [
    `Bus: primary=${bus(0x18)}, secondary=${bus(0x19)}, subordinate=${bus(0x1a)}, sec-latency=${u8(config, 0x1b)}`,
    ...windowLines(config),
    `Secondary status: ${signs(status, { '66MHz': 5, FastB2B: 7, ParErr: 8 })} DEVSEL=${DEVSEL[bits(status, 9, 10)] ?? ''} ${signs(status, { ...ABORTS, '<SERR': 14, '<PERR': 15 })}`,
  ];
}

/**
 * The address width in bits for each type. The lowest bits of the register contain the type. Types
 * that are not in the list are reserved.
 */
const IO_BITS = [16, 32];
const PREFETCHABLE_BITS = [32, 64];

function windowLines(config: Uint8Array): string[] {
  const header = decodeHeader(config);
  if (!isBridge(header)) return [];
  const { ioWindow, memoryWindow, prefetchableWindow } = header;
  const io = [u8(config, 0x1c), u8(config, 0x1d)] as const;
  const memory = [u16(config, 0x20), u16(config, 0x22)] as const;
  const prefetchable = [u16(config, 0x24), u16(config, 0x26)] as const;
  return [
    windowLine('I/O', io, IO_BITS, ioWindow),
    windowLine('Memory', memory, [32], memoryWindow),
    windowLine('Prefetchable memory', prefetchable, PREFETCHABLE_BITS, prefetchableWindow),
  ];
}

function windowLine(
  what: string,
  [base, limit]: readonly [base: number, limit: number],
  widths: readonly number[],
  window: AddressWindow,
): string {
  const [type, other] = [bits(base, 0, 3), bits(limit, 0, 3)];
  const width = widths[type];
  if (width === undefined || type !== other) {
    const name = what === 'I/O' ? what : what.toLowerCase();
    return `!!! Unknown ${name} range types ${base.toString(16)}/${limit.toString(16)}`;
  }
  const digits = width / 4;
  const range = [window.base, window.limit].map((end) => end.toString(16).padStart(digits, '0'));
  const extent =
    window.base <= window.limit
      ? `[size=${byteSize(window.limit - window.base + 1n)}]`
      : '[disabled]';
  return `${what} behind bridge: ${range.join('-')} ${extent} [${width}-bit]`;
}

export function bridgeControl(config: Uint8Array): string[] {
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
