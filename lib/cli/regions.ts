import { REGION_NAMES, regionName } from '../contract/uapi.js';
import type { PciDevice, Region } from '../index.js';
import { UsageError } from './usage.js';

/** The region names that completion offers. */
export const REGION_WORDS: readonly string[] = REGION_NAMES;

/** Finds a region of the device by name or index. */
export function findRegion(device: PciDevice, text: string): Region {
  const number = /^(?:region)?(\d+)$/.exec(text)?.[1];
  const index = number === undefined ? REGION_WORDS.indexOf(text.toLowerCase()) : Number(number);
  const region = device.regions.find((one) => one.index === index);
  if (region !== undefined) return region;
  const names = device.regions.map((one) => regionName(one.index)).join(', ');
  throw new UsageError(`${device.name} has no region '${text}'; known: ${names}`);
}
