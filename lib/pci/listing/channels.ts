import { bits } from '../bytes.js';
import { choice, hex, type Lister, type Place, sign } from './row.js';

const PORT_SELECTS = ['Fixed', 'WRR32', 'WRR64', 'WRR128'];
const CHANNEL_SELECTS = [...PORT_SELECTS, 'TWRR128', 'WRR256'];

/**
 * Lists every defined arbitration with the sign `+` or `-`. Lists an undefined arbitration only if
 * its bit is set.
 */
function arbitrations(names: readonly string[], capabilities: number): string {
  const known = Array.from({ length: 8 }, (_, bit) => bit).filter(
    (bit) => bit < names.length || bits(capabilities, bit) === 1,
  );
  return `Arb: ${known.map((bit) => `${choice(names, bit)}${sign(capabilities, bit)}`).join(' ')}`;
}

/** Virtual Channel: PCI Express Base Specification, section 7.9.1. */
export const virtualChannel: Lister = (place) => {
  const first = place.u32(0x4);
  const second = place.u32(0x8);
  const table = bits(second, 24, 31) * 16;
  return {
    title: 'Virtual Channel',
    lines: [
      `Caps: LPEVC=${bits(first, 4, 6)} RefClk=${choice(['100ns'], bits(first, 8, 9))} PATEntryBits=${2 ** bits(first, 10, 11)}`,
      arbitrations(PORT_SELECTS, second),
      `Ctrl: ArbSelect=${choice(PORT_SELECTS, bits(place.u16(0xc), 1, 3))}`,
      `Status: InProgress${sign(place.u16(0xe), 0)}`,
      ...(table === 0 ? [] : [`Port Arbitration Table [${hex(place.offset + table, 1)}] <?>`]),
      ...Array.from({ length: bits(first, 0, 2) + 1 }, (_, index) => channel(place, index)).flat(),
    ],
  };
};

function channel(place: Place, index: number): string[] {
  const at = 0x10 + 12 * index;
  const capabilities = place.u32(at);
  const control = place.u32(at + 4);
  const status = place.u16(at + 10);
  const table = bits(capabilities, 24, 31);
  return [
    `VC${index}: Caps: PATOffset=${hex(table, 2)} MaxTimeSlots=${bits(capabilities, 16, 22) + 1} RejSnoopTrans${sign(capabilities, 15)}`,
    `  ${arbitrations(CHANNEL_SELECTS, capabilities)}`,
    `  Ctrl: Enable${sign(control, 31)} ID=${bits(control, 24, 26)} ArbSelect=${choice(CHANNEL_SELECTS, bits(control, 17, 19))} TC/VC=${hex(bits(control, 0, 7), 2)}`,
    `  Status: NegoPending${sign(status, 1)} InProgress${sign(status, 0)}`,
    ...(table === 0 ? [] : ['  Port Arbitration Table <?>']),
  ];
}

const ENDPOINTS = [0x0, 0x9];
const PORTS = [0x4, 0x5, 0x6];

/** Multicast: section 7.9.11. */
export const multicast: Lister = (place) => {
  const capabilities = place.u16(0x4);
  const control = place.u16(0x6);
  const type = place.portType ?? 0;
  const window = bits(capabilities, 8, 13);
  const endpoint = `, WindowSz ${window} (${2 ** window} bytes)`;
  const port = `, ECRCRegen${sign(capabilities, 15)}`;
  const wide = (offset: number) => hex(place.u32(offset + 4), 8) + hex(place.u32(offset), 8);
  const base = (offset: number, reserved: number) =>
    hex(place.u32(offset + 4), 8) +
    hex(place.u32(offset) - bits(place.u32(offset), 0, reserved), 8);
  return {
    title: 'Multicast',
    lines: [
      `McastCap: MaxGroups ${bits(capabilities, 0, 5) + 1}${ENDPOINTS.includes(type) ? endpoint : ''}${PORTS.includes(type) ? port : ''}`,
      `McastCtl: NumGroups ${bits(control, 0, 5) + 1}, Enable${sign(control, 15)}`,
      `McastBAR: IndexPos ${bits(place.u32(0x8), 0, 5)}, BaseAddr ${base(0x8, 11)}`,
      `McastReceiveVec: ${wide(0x10)}`,
      `McastBlockAllVec: ${wide(0x18)}`,
      `McastBlockUntransVec: ${wide(0x20)}`,
      ...(ENDPOINTS.includes(type) ? [] : [overlay(bits(place.u32(0x28), 0, 5), base(0x28, 5))]),
    ],
  };
};

function overlay(size: number, base: string): string {
  const what = size < 6 ? '(disabled)' : `(${2 ** size} bytes)`;
  return `McastOverlayBAR: OverlaySize ${size} ${what}, BaseAddr ${base}`;
}
