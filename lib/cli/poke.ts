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
import { regionName } from '../contract/uapi.js';
import { findRegion } from './regions.js';
import {
  findPlace,
  findRegisters,
  isRegisterName,
  parseWritten,
  readRegister,
  writeRegister,
} from './named-access.js';
import { REGISTERS } from './register-file.js';
import { VF_TOKEN } from './token.js';
import { UsageError } from './usage.js';

export const command = defineCommand({
  about: `Writes registers, each by one access of the given width. Several values are written to
    consecutive registers. Before the first write, the command checks that the region can be
    written, the offsets are aligned and inside the region, and the values fit. The kernel resets
    the device when the device is opened and when the device is closed. With --registers, a register
    has a name. Values of fields, as en=1, replace only these fields: the register is read first.`,
  operands: {
    ...PLACE,
    value: {
      repeated: true,
      optional: true,
      help: 'a number, decimal or with 0x; for a named register also <field>=<number>',
    },
  },
  options: {
    width: WIDTH,
    read: {
      type: 'boolean',
      help: 'reads each register back after its write; a read can have side effects',
    },
    registers: REGISTERS,
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio poke mock:edu bar0 0x4 0x12345678 --read'],
  async run({ options, operands }) {
    if (isRegisterName(operands.region)) return pokeRegister(operands, options);
    if (operands.offset !== undefined && operands.value.length === 0) {
      throw new UsageError('give a value');
    }
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

interface PokeOptions {
  readonly registers: string | undefined;
  readonly width: string | undefined;
  readonly read: boolean;
  readonly json: boolean;
  readonly 'vf-token': string | undefined;
}

/** Writes a register by name: one number, or some fields. */
async function pokeRegister(
  operands: {
    device: string;
    region: string;
    offset: string | undefined;
    value: readonly string[];
  },
  options: PokeOptions,
): Promise<number> {
  const { device: deviceName, region: text, offset, value: more } = operands;
  if (options.width !== undefined) throw new UsageError(`'${text}' has no --width`);
  const [register, ...others] = await findRegisters(text, options.registers);
  if (register === undefined || others.length > 0) {
    const example = register?.name ?? text;
    throw new UsageError(`'${text}' is an array of registers: give an index, as ${example}`);
  }
  const written = parseWritten(offset === undefined ? [] : [offset, ...more], register);
  const { codecOf } = await import('../registers/named.js');
  const codec = codecOf(register.layout);
  await using device = await openDevice(deviceName, options);
  const region = findPlace(device, register, true);
  if (options.read) findPlace(device, register, false);
  const wrote =
    typeof written === 'bigint'
      ? written
      : register.layout.access === 'wo'
        ? codec.encode(written)
        : codec.replace(readRegister(region, register), written);
  writeRegister(region, register, wrote);
  const seen = options.read ? readRegister(region, register) : undefined;
  const { name, layout } = register;
  if (options.json) {
    const result = { name, offset: register.offset, width: layout.width, wrote, value: seen };
    console.log(toJson({ device: device.name, registers: [result] }));
    return 0;
  }
  const hex = (value: bigint) => value.toString(16).padStart(2 * layout.width, '0');
  console.log(`${name}: ${hex(wrote)}${seen === undefined ? '' : ` -> ${hex(seen)}`}`);
  return 0;
}
