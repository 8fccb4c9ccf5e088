import { parseArgs } from 'node:util';
import { openDevice } from '../index.js';
import { checkPlace, parseOffset, parseWidth, readOne } from './access.js';
import { toJson } from './json.js';
import { parseCount } from './numbers.js';
import { findRegion, regionName } from './regions.js';
import { UsageError } from './usage.js';

export const usage = `vfio peek <device> <region> <offset> [options]

Reads registers, each by one access of its width. What would fault is refused: offsets out of the
region or not aligned, and regions that cannot be read. Opening the device resets it: to read after
other accesses, use vfio repl.

  <region>      bar0 to bar5, config, rom, vga, or a number
  <offset>      bytes, decimal or with 0x
  --width <w>   bytes of one access: 1, 2, 4 (default) or 8
  --count <n>   so many registers one after the other; default 1
  --json        prints one JSON object

Example: vfio peek mock:nvme bar0 0x8`;

const MAX_COUNT = 65_536;
const ROW = 16;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      width: { type: 'string', short: 'w', default: '4' },
      count: { type: 'string', short: 'n', default: '1' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [name, area, place, ...rest] = positionals;
  if (name === undefined || area === undefined || place === undefined || rest.length > 0) {
    throw new UsageError('give a device, a region and an offset');
  }
  const width = parseWidth(values.width);
  const offset = parseOffset(place);
  const count = parseCount('--count', values.count, MAX_COUNT);
  await using device = await openDevice(name);
  const region = findRegion(device, area);
  checkPlace({ region, offset, width, count }, false);
  const read = Array.from({ length: count }, (_, index) =>
    readOne(region, offset + index * width, width),
  );
  const label = regionName(region.index);
  console.log(
    values.json
      ? toJson({ device: device.name, region: label, offset, width, values: read })
      : dump(label, offset, width, read),
  );
  return 0;
}

/** Rows of 16 bytes; a single register alone. */
function dump(label: string, offset: number, width: number, values: readonly bigint[]): string {
  const hex = (value: bigint) => value.toString(16).padStart(2 * width, '0');
  const rows: string[] = [];
  for (let index = 0; index < values.length; index += ROW / width) {
    const row = values.slice(index, index + ROW / width).map(hex);
    rows.push(
      `${label}+0x${(offset + index * width).toString(16).padStart(4, '0')}: ${row.join(' ')}`,
    );
  }
  return rows.join('\n');
}
