import { checkPlace, parseOffset, parseWidth, PLACE, readOne, WIDTH } from './access.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { parseCount } from './numbers.js';
import { findRegion, regionName } from './regions.js';
import { VF_TOKEN } from './token.js';

const MAX_COUNT = 65_536;
const ROW = 16;

export const command = defineCommand({
  about: `Reads registers, each by one access of the given width. The command refuses an offset
    outside of the region, a misaligned offset, and a region that cannot be read. The kernel resets
    the device when the device is opened. To read a register after other accesses, use 'vfio repl'.`,
  operands: PLACE,
  options: {
    width: WIDTH,
    count: {
      type: 'string',
      short: 'n',
      value: '<n>',
      default: '1',
      help: 'number of consecutive registers; default 1',
    },
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio peek mock:nvme bar0 0x8'],
  async run({ options, operands }) {
    const width = parseWidth(options.width);
    const offset = parseOffset(operands.offset);
    const count = parseCount('--count', options.count, MAX_COUNT);
    await using device = await openDevice(operands.device, options);
    const region = findRegion(device, operands.region);
    checkPlace({ region, offset, width, count }, false);
    const values = Array.from({ length: count }, (_, index) =>
      readOne(region, offset + index * width, width),
    );
    const label = regionName(region.index);
    console.log(
      options.json
        ? toJson({ device: device.name, region: label, offset, width, values })
        : dump(label, offset, width, values),
    );
    return 0;
  },
});

/** Formats values in rows of 16 bytes. */
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
