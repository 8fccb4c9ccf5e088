import { parseArgs } from 'node:util';
import { openDevice } from '../index.js';
import { checkPlace, parseOffset, parseValue, parseWidth, readOne, writeOne } from './access.js';
import { toJson } from './json.js';
import { findRegion, regionName } from './regions.js';
import { UsageError } from './usage.js';

export const usage = `vfio poke <device> <region> <offset> <value>... [options]

Writes registers, each by one access of its width; several values go one after the other. What would
fault is refused before anything is written: offsets out of the region or not aligned, values that
do not fit, regions that cannot be written. Opening and closing the device resets it.

  <region>     bar0 to bar5, config, rom, vga, or a number
  <offset>     bytes, decimal or with 0x; values likewise
  --width <w>  bytes of one access: 1, 2, 4 (default) or 8
  --read       reads each register afterwards; some change by being read
  --json       prints one JSON object

Example: vfio poke mock:edu bar0 0x4 0x12345678 --read`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      width: { type: 'string', short: 'w', default: '4' },
      read: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [name, area, place, ...texts] = positionals;
  if (name === undefined || area === undefined || place === undefined || texts.length === 0) {
    throw new UsageError('give a device, a region, an offset and a value');
  }
  const width = parseWidth(values.width);
  const offset = parseOffset(place);
  const wanted = texts.map((text) => parseValue(text, width));
  await using device = await openDevice(name);
  const region = findRegion(device, area);
  checkPlace({ region, offset, width, count: wanted.length }, true);
  if (values.read) checkPlace({ region, offset, width, count: wanted.length }, false);
  const done = wanted.map((value, index) => {
    const at = offset + index * width;
    writeOne(region, at, width, value);
    return {
      offset: at,
      wrote: value,
      ...(values.read ? { value: readOne(region, at, width) } : {}),
    };
  });
  const label = regionName(region.index);
  if (values.json) {
    console.log(toJson({ device: device.name, region: label, width, registers: done }));
    return 0;
  }
  const hex = (value: bigint) => value.toString(16).padStart(2 * width, '0');
  for (const { offset: at, wrote, value } of done) {
    const seen = value === undefined ? '' : ` -> ${hex(value)}`;
    console.log(`${label}+0x${at.toString(16).padStart(4, '0')}: ${hex(wrote)}${seen}`);
  }
  return 0;
}
