import {
  checkPlace,
  parseOffset,
  parseValue,
  parseWidth,
  PLACE,
  readOne,
  WIDTH,
  writeOne,
} from './access.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { findRegion, regionName } from './regions.js';
import { VF_TOKEN } from './token.js';

export const command = defineCommand({
  about: `Writes registers, each by one access of the given width. Several values are written to
    consecutive registers. Before the first write, the command checks that the region can be
    written, the offsets are aligned and inside the region, and the values fit. The kernel resets
    the device when the device is opened and when the device is closed.`,
  operands: {
    ...PLACE,
    value: { repeated: true, help: 'a number, decimal or with 0x' },
  },
  options: {
    width: WIDTH,
    read: {
      type: 'boolean',
      help: 'reads each register back after its write; a read can have side effects',
    },
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio poke mock:edu bar0 0x4 0x12345678 --read'],
  async run({ options, operands }) {
    const width = parseWidth(options.width);
    const offset = parseOffset(operands.offset);
    const values = operands.value.map((text) => parseValue(text, width));
    await using device = await openDevice(operands.device, options);
    const region = findRegion(device, operands.region);
    const place = { region, offset, width, count: values.length };
    checkPlace(place, true);
    if (options.read) checkPlace(place, false);
    const done = values.map((wrote, index) => {
      const at = offset + index * width;
      writeOne(region, at, width, wrote);
      return { offset: at, wrote, ...(options.read ? { value: readOne(region, at, width) } : {}) };
    });
    const label = regionName(region.index);
    if (options.json) {
      console.log(toJson({ device: device.name, region: label, width, registers: done }));
      return 0;
    }
    const hex = (value: bigint) => value.toString(16).padStart(2 * width, '0');
    for (const { offset: at, wrote, value } of done) {
      const seen = value === undefined ? '' : ` -> ${hex(value)}`;
      console.log(`${label}+0x${at.toString(16).padStart(4, '0')}: ${hex(wrote)}${seen}`);
    }
    return 0;
  },
});
