import { bits } from '../bytes.js';
import { hex64, type Lister } from './row.js';

const ENTRY = 8;
const NAMES: Readonly<Record<number, string>> = { 0: 'Empty', 1: 'MCAP', 0xff: 'MDVS' };

/** MMIO Register Block Locator: PCI Express Base Specification, section 7.9.30. */
export const registerBlockLocator: Lister = (place) => {
  const count = Math.max(0, Math.floor(bits(place.u32(0x4), 0, 11) / ENTRY) - 1);
  const lines: string[] = [];
  for (let index = 0; index < count && place.has(ENTRY * (index + 1)); index++) {
    const low = place.u32(ENTRY * (index + 1));
    const id = bits(low, 8, 15);
    const offset = hex64(place.u32(ENTRY * (index + 1) + 4), low - bits(low, 0, 15));
    lines.push(
      `Locator${index}: BIR: BAR${bits(low, 0, 2)}, ID: ${NAMES[id] ?? `Reserved (${id})`}, offset: ${offset}`,
    );
  }
  return { title: 'MMIO Register Block Locator', lines };
};
