import { bits, u8 } from '../bytes.js';
import { hex, type Lister, type Place, signs } from './row.js';

const HEADER_TYPE = 0x0e;
const BRIDGE = 1;

/** BAR Equivalent Indicator: PCI Express Base Specification, section 7.8.5.3. */
const INDICATORS = [
  ...Array.from({ length: 6 }, (_, bar) => `BAR ${bar}`),
  'resource behind function',
  'not indicated',
  'expansion ROM',
  ...Array.from({ length: 6 }, (_, bar) => `VF-BAR ${bar}`),
  'reserved',
];

/** The meanings of the codes in the fields Primary Properties and Secondary Properties. */
const PROPERTIES: Readonly<Record<number, string>> = {
  0x00: 'memory space, non-prefetchable',
  0x01: 'memory space, prefetchable',
  0x02: 'I/O space',
  0x03: 'VF memory space, prefetchable',
  0x04: 'VF memory space, non-prefetchable',
  0x05: 'allocation behind bridge, non-prefetchable memory',
  0x06: 'allocation behind bridge, prefetchable memory',
  0x07: 'allocation behind bridge, I/O space',
  0xfd: 'memory space resource unavailable for use',
  0xfe: 'I/O space resource unavailable for use',
  0xff: 'entry unavailable for use',
};
const UNAVAILABLE = 0xff;

/**
 * Enhanced Allocation: section 7.8.5. The entries follow each other without gaps. Each entry
 * contains its length.
 */
export const enhancedAllocation: Lister = (place) => {
  const count = bits(place.u8(2), 0, 5);
  const isBridge = bits(u8(place.config, HEADER_TYPE), 0, 6) === BRIDGE;
  const buses = isBridge ? `, secondary=${place.u8(4)}, subordinate=${place.u8(5)}` : '';
  const lines: string[] = [];
  let offset = isBridge ? 8 : 4;
  for (let index = 0; index < count; index++) {
    lines.push(...entry(place, offset, index));
    offset += 4 + 4 * bits(place.u8(offset), 0, 2);
  }
  return { title: `Enhanced Allocation (EA): NumEntries=${count}${buses}`, lines };
};

/**
 * Formats an entry. The function does not read dwords past the end of the entry, because these
 * dwords belong to the next entry.
 */
function entry(place: Place, offset: number, index: number): string[] {
  const header = place.u32(offset);
  const size = bits(header, 0, 2);
  const lines = [
    `Entry ${index}: ${signs(header, { Enable: 31, Writable: 30 })} EntrySize=${size}`,
    `  BAR Equivalent Indicator: ${INDICATORS[bits(header, 4, 7)] ?? ''}`,
    `  PrimaryProperties: ${property(bits(header, 8, 15))}`,
    `  SecondaryProperties: ${secondary(bits(header, 16, 23))}`,
  ];
  if (size < 2) return [...lines, '  <too short>'];
  const base = place.u32(offset + 4);
  const last = place.u32(offset + 8);
  const words = { base: bits(base, 1), last: bits(last, 1) };
  if (size < 2 + words.base + words.last) return [...lines, '  <too short>'];
  const high = (there: number, word: number) =>
    there === 1 ? place.u32(offset + 4 * word).toString(16) : '';
  return [
    ...lines,
    `  Base: ${high(words.base, 3)}${hex(base - bits(base, 0, 1), 8)}`,
    `  MaxOffset: ${high(words.last, 3 + words.base)}${hex(last - bits(last, 0, 1) + 3, 8)}`,
  ];
}

function property(code: number): string {
  return PROPERTIES[code] ?? `[${hex(code, 2)}]`;
}

/**
 * Returns the name of the secondary property. If the secondary property is unavailable, software
 * uses the primary property.
 */
function secondary(code: number): string {
  return property(code) + (code === UNAVAILABLE ? ', PrimaryProperties should be used' : '');
}
