import { readFileSync } from 'node:fs';
import { checkRecord, checkOptions, describeValue } from '../checks.js';
import { REGION_NAMES } from '../contract/uapi.js';
import { systemError, VfioError } from '../errors.js';
import { type EntryLayout, entryOf } from './block.js';
import type { BlockDefinition, RegisterDefinition } from './definition.js';

/** The registers of each region that a file defines, by the name of the region. */
export type RegisterFile = ReadonlyMap<string, readonly EntryLayout[]>;

const HEX = /^0x[0-9a-f]+$/i;

/**
 * Reads a register file. assets/registers.schema.json describes the format.
 *
 * @throws VfioError EINVAL if the contents are wrong, with the place in the file; other codes if the
 *   file cannot be read
 */
export function readRegisterFile(path: string): RegisterFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw systemError(cause, path);
  }
  return parseRegisterFile(text, path);
}

/** Parses the text of a register file. @param path - the name of the file, for errors */
export function parseRegisterFile(text: string, path: string): RegisterFile {
  const refuse = (place: string, cause: unknown) => {
    const message = `${place}: ${(cause as Error).message}`;
    const hint = "docs/registers.md describes the format; 'vfio registers import' converts files.";
    return new VfioError({ code: 'EINVAL', path, message, hint, cause });
  };
  let place = 'the file';
  try {
    const file: unknown = JSON.parse(text);
    checkOptions(file, ['$schema', 'regions'], 'the file');
    place = 'regions';
    const { regions } = file as { regions: unknown };
    checkRecord(regions, 'the value');
    checkOptions(regions, REGION_NAMES, 'regions');
    const layouts = new Map<string, readonly EntryLayout[]>();
    for (const [region, registers] of Object.entries(regions)) {
      const noteName = (name: string) => {
        place = `regions.${region}${name}`;
      };
      layouts.set(region, parseRegisters(registers, noteName));
    }
    return layouts;
  } catch (error) {
    throw refuse(place, error);
  }
}

/**
 * Parses a region of a register file.
 *
 * @param noteName - receives the place in the region before the place is parsed, for errors
 * @throws TypeError, RangeError if a register is wrong
 */
export function parseRegisters(
  registers: unknown,
  noteName: (place: string) => void = () => undefined,
): readonly EntryLayout[] {
  noteName('');
  checkRecord(registers, 'the value');
  return Object.entries(registers).map(([name, register]) => {
    noteName(`.${name}`);
    return entryOf(name, definitionOf(register, `.${name}`, noteName));
  });
}

/** Converts the numbers that JSON cannot express: hexadecimal numbers, and numbers of 64 bits. */
function definitionOf(
  entry: unknown,
  place: string,
  noteName: (place: string) => void,
): RegisterDefinition | BlockDefinition {
  checkRecord(entry, 'the value');
  const { ...definition } = entry as Record<string, unknown>;
  if (definition.registers !== undefined) {
    checkRecord(definition.registers, 'registers');
    const registers = Object.entries(definition.registers).map(([name, inner]) => {
      noteName(`${place}.${name}`);
      return [name, definitionOf(inner, `${place}.${name}`, noteName)];
    });
    definition.registers = Object.fromEntries(registers);
    noteName(place);
  }
  for (const name of ['offset', 'stride', 'reset']) {
    const value = definition[name];
    if (value === undefined) continue;
    const isWide = name === 'reset' && definition.width === 8;
    const number = numberOf(name, value);
    definition[name] = isWide ? number : Number(number);
  }
  return definition as unknown as RegisterDefinition | BlockDefinition;
}

function numberOf(name: string, value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && HEX.test(value)) return BigInt(value);
  throw new TypeError(`${name} must be an integer or hex, as "0x14", not ${describeValue(value)}`);
}
