import { checkPlace, parseOffset, parseWidth, PLACE, readOne, WIDTH } from './access.js';
import { defineCommand } from './command.js';
import { openDevice } from './devices.js';
import { toJson } from './json.js';
import { parseCount } from './numbers.js';
import { regionName } from '../contract/uapi.js';
import { findRegion } from './regions.js';
import { findPlace, findRegisters, isRegisterName, readRegister } from './named-access.js';
import { REGISTERS } from './register-file.js';
import { VF_TOKEN } from './token.js';
import { UsageError } from './usage.js';

const MAX_COUNT = 65_536;
const ROW = 16;

export const command = defineCommand({
  about: `Reads registers, each by one access of the given width. The command refuses an offset
    outside of the region, a misaligned offset, and a region that cannot be read. The kernel resets
    the device when the device is opened. To read a register after other accesses, use 'vfio repl'.
    With --registers, a register has a name, and the fields of the register are printed.`,
  operands: PLACE,
  options: {
    width: WIDTH,
    count: {
      type: 'string',
      short: 'n',
      value: '<n>',
      help: 'number of consecutive registers; default 1',
    },
    registers: REGISTERS,
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio peek mock:nvme bar0 0x8'],
  async run({ options, operands }) {
    if (isRegisterName(operands.region)) return peekRegisters(operands, options);
    const width = parseWidth(options.width);
    const offset = parseOffset(operands.offset);
    const count = parseCount('--count', options.count ?? '1', MAX_COUNT);
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

interface PeekOptions {
  readonly registers: string | undefined;
  readonly width: string | undefined;
  readonly count: string | undefined;
  readonly json: boolean;
  readonly 'vf-token': string | undefined;
}

/** Reads a register by name, or each register of an array. */
async function peekRegisters(
  {
    device: name,
    region: text,
    offset,
  }: { device: string; region: string; offset: string | undefined },
  options: PeekOptions,
): Promise<number> {
  if (offset !== undefined) throw new UsageError(`unexpected offset '${offset}' after '${text}'`);
  for (const option of ['width', 'count'] as const) {
    if (options[option] !== undefined) throw new UsageError(`'${text}' has no --${option}`);
  }
  const registers = await findRegisters(text, options.registers);
  const { codecOf } = await import('../registers/named.js');
  const { showField } = await import('../registers/describe.js');
  await using device = await openDevice(name, options);
  // Each register is checked before the first register is read.
  const places = registers.map((register) => ({
    register,
    region: findPlace(device, register, false),
  }));
  const results = places.map(({ register, region }) => {
    const value = readRegister(region, register);
    return { register, value, fields: codecOf(register.layout).decode(value) };
  });
  if (options.json) {
    const list = results.map(({ register: { name: own, offset: at, layout }, value, fields }) => {
      return { name: own, offset: at, width: layout.width, value, fields };
    });
    console.log(toJson({ device: device.name, registers: list }));
    return 0;
  }
  for (const { register, value, fields } of results) {
    console.log(`${register.name}: ${value.toString(16).padStart(2 * register.layout.width, '0')}`);
    const longest = Math.max(...Object.keys(fields).map((field) => field.length));
    for (const [field, bits] of Object.entries(fields)) {
      console.log(`  ${field.padEnd(longest)}  ${showField(bits)}`);
    }
  }
  return 0;
}

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
