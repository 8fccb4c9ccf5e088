/** Reads and writes registers by name, for `peek` and `poke`. */
import type { PciDevice, Region } from '../index.js';
import type { NamedRegister } from '../registers/named.js';
import { checkPlace, parseValue, readOne, writeOne } from './access.js';
import { parseUnsigned } from './numbers.js';
import { loadRegisters } from './register-file.js';
import { findRegion } from './regions.js';
import { UsageError } from './usage.js';

/** Whether the text is the name of a register, for example `bar0.cc`. */
export function isRegisterName(text: string): boolean {
  return text.includes('.');
}

/**
 * Finds the registers of a name. `bar0.doorbell` means all registers of an array, and
 * `bar0.doorbell[3]` means one.
 */
export async function findRegisters(
  name: string,
  file: string | undefined,
): Promise<readonly NamedRegister[]> {
  const names = await loadRegisters(file);
  if (names === null) throw new UsageError(`give --registers <file> to use the name '${name}'`);
  try {
    return names.find(name);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Finds the region of a register, and checks that the register can be accessed. */
export function findPlace(
  device: PciDevice,
  { name, region: text, offset, layout }: NamedRegister,
  write: boolean,
): Region {
  const refused = write ? 'ro' : 'wo';
  if (layout.access === refused) {
    throw new UsageError(`register ${name} is ${write ? 'read' : 'write'}-only`);
  }
  const region = findRegion(device, text);
  // A split register is accessed as two halves.
  const [width, count] = layout.split ? ([4, 2] as const) : ([layout.width, 1] as const);
  checkPlace({ region, offset, width, count }, write);
  return region;
}

export function readRegister(region: Region, { offset, layout }: NamedRegister): bigint {
  if (!layout.split) return readOne(region, offset, layout.width);
  const low = readOne(region, offset, 4);
  return (readOne(region, offset + 4, 4) << 32n) | low;
}

export function writeRegister(
  region: Region,
  { offset, layout }: NamedRegister,
  value: bigint,
): void {
  if (!layout.split) {
    writeOne(region, offset, layout.width, value);
    return;
  }
  writeOne(region, offset, 4, value & 0xffff_ffffn);
  writeOne(region, offset + 4, 4, value >> 32n);
}

/** A value to write: a number, or values of fields. */
export type Written = bigint | Readonly<Record<string, number | bigint>>;

/** Parses the values of `poke` for a register: one number, or fields as `en=1`. */
export function parseWritten(texts: readonly string[], { name, layout }: NamedRegister): Written {
  const [only, ...more] = texts;
  if (only === undefined) throw new UsageError(`give a value for ${name}, or fields as en=1`);
  if (!only.includes('=')) {
    if (more.length > 0) throw new UsageError(`give one value for ${name}, not ${texts.length}`);
    return parseValue(only, layout.width);
  }
  return Object.fromEntries(texts.map((text) => parseField(text, name, layout)));
}

function parseField(
  text: string,
  register: string,
  { fields }: NamedRegister['layout'],
): [string, number | bigint] {
  const [, name = '', number = ''] = /^(\w+)=(.+)$/.exec(text) ?? [];
  const field = fields.get(name);
  if (field === undefined) {
    const known = [...fields.keys()].join(', ');
    throw new UsageError(`register ${register} has no field '${name || text}'; known: ${known}`);
  }
  if (field.access === 'ro') throw new UsageError(`field ${name} of ${register} is read-only`);
  const value = parseUnsigned(`field ${name}`, number);
  if (value >> BigInt(field.size) !== 0n) {
    throw new UsageError(`${number} does not fit into the ${field.size} bits of field ${name}`);
  }
  return [name, field.size > 32 ? value : Number(value)];
}
