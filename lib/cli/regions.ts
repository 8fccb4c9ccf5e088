import type { PciDevice, Region } from '../index.js';
import { UsageError } from './usage.js';

/** Names of the regions that every PCI device has, by index. */
const NAMES = ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5', 'rom', 'config', 'vga'];

/** What may be written for a region, as far as completion goes. */
export const REGION_WORDS: readonly string[] = NAMES;

/** `'bar0'`, `'config'`; `'region9'` for one of the device's own. */
export function regionName(index: number): string {
  return NAMES[index] ?? `region${index}`;
}

/** The region that is called so, if the device has it. */
export function findRegion(device: PciDevice, text: string): Region {
  const number = /^(?:region)?(\d+)$/.exec(text)?.[1];
  const index = number === undefined ? NAMES.indexOf(text.toLowerCase()) : Number(number);
  const region = device.regions.find((one) => one.index === index);
  if (region !== undefined) return region;
  const names = device.regions.map((one) => regionName(one.index)).join(', ');
  throw new UsageError(`${device.name} has no region '${text}': there is ${names}`);
}
