import { checkBytes, checkString } from '../../checks.js';
import { type Capability, walkCapabilities } from '../capabilities.js';
import { u16 } from '../bytes.js';
import { type Register, registerOffset, REGISTERS } from '../registers/index.js';
import { SETPCI_CAPABILITIES, SETPCI_EXTENDED, SETPCI_REGISTERS } from './names.js';

/** One read or write of a register in configuration space. */
export interface Access {
  /** The name of the register, exactly as the user typed it. */
  readonly text: string;
  /** The offset in configuration space, in bytes. The offset is a multiple of the width. */
  readonly offset: number;
  /** Bytes. */
  readonly width: 1 | 2 | 4;
  /** The change that a write makes, or null for a read. */
  readonly change: Change | null;
}

/** How a write changes a register. Bits that are not in the mask keep their current value. */
export interface Change {
  readonly value: number;
  readonly mask: number;
}

/** A field of a register. */
interface Part {
  readonly low: number;
  readonly high: number;
  /** The bits of the other RW1C fields in the register. A write of 1 clears an RW1C bit. */
  readonly clearing: number;
}

type Target = Pick<Access, 'offset' | 'width'> & { readonly part?: Part };

/**
 * Reports an invalid register name or value. The parser throws the error before the program
 * accesses the device.
 */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/**
 * Parses one operation. The operation can use the syntax of setpci, for example `COMMAND`,
 * `COMMAND=6`, `CAP_MSIX+2.w=8000:8000` or `40.b=1,2`. The operation can also use the names of this
 * library, for example `command.bus_master=1`. Numbers are hexadecimal.
 *
 * @param config - the device's configuration space
 * @throws SettingError if the register is unknown, if the device does not have the register, or if
 *   a value is wrong
 */
export function parseSetting(text: string, config: Uint8Array): Access[] {
  checkString(text, 'text');
  checkBytes(config, 'config');
  const [left = '', right, ...rest] = text.split('=');
  if (rest.length > 0) throw new SettingError(`'${text}' has more than one =`);
  const target = findTarget(left.trim(), config);
  const values = right === undefined ? [null] : right.split(',');
  return values.map((value, index) => {
    const offset = target.offset + index * target.width;
    checkPlace(text, offset, target.width, config);
    const change = value === null ? null : parseChange(text, value, target);
    return { text: left.trim(), offset, width: target.width, change };
  });
}

function checkPlace(text: string, offset: number, width: number, config: Uint8Array): void {
  if (offset % width !== 0) {
    throw new SettingError(`'${text}': offset ${hex(offset)} is not a multiple of ${width}`);
  }
  if (offset + width > config.length) {
    throw new SettingError(`'${text}': offset ${hex(offset)} is not within ${config.length} bytes`);
  }
}

function parseChange(text: string, given: string, { width, part }: Target): Change {
  const [value, mask, ...rest] = given.split(':').map((part) => parseHex(part));
  const all = 2 ** (8 * width) - 1;
  const malformed = value === undefined || Number.isNaN(value) || Number.isNaN(mask ?? 0);
  if (malformed || rest.length > 0) {
    throw new SettingError(`'${text}': '${given}' is not a hexadecimal value or value:mask`);
  }
  if (part === undefined) {
    if (value > all || (mask ?? 0) > all) {
      throw new SettingError(`'${text}': '${given}' does not fit into ${width} bytes`);
    }
    return { value, mask: mask ?? all };
  }
  const largest = 2 ** (part.high - part.low + 1) - 1;
  if (mask !== undefined) throw new SettingError(`'${text}': a field does not take a mask`);
  if (value > largest) {
    throw new SettingError(
      `'${text}': the field's value is 0 to ${largest.toString(16)} (hexadecimal)`,
    );
  }
  return { value: value * 2 ** part.low, mask: largest * 2 ** part.low + part.clearing };
}

function findTarget(name: string, config: Uint8Array): Target {
  return ofLibrary(name, config) ?? ofSetpci(name, config);
}

/**
 * Finds a register or a field by its name in this library, for example `command`, `msix.control` or
 * `command.bus_master`.
 */
function ofLibrary(name: string, config: Uint8Array): Target | null {
  const lower = name.toLowerCase();
  const known = longest(lower);
  if (known === undefined) return null;
  const [register, definition] = known;
  const rest = lower.slice(register.length + 1);
  if (/^[bwl]$/.test(rest)) return null;
  const part = rest === '' ? undefined : partOf(definition, rest);
  if (rest !== '' && part === undefined) {
    const fields = Object.keys(definition.fields).join(', ') || 'no fields';
    throw new SettingError(`'${name}': ${register} has no field '${rest}'; known: ${fields}`);
  }
  const width = definition.width === 8 ? 1 : definition.width === 16 ? 2 : 4;
  const offset = locate(name, definition, config);
  return { offset, width, ...(part === undefined ? {} : { part }) };
}

function partOf({ fields }: Register, name: string): Part | undefined {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined) return undefined;
  const clearing = Object.values(fields)
    .filter((other) => other !== field && other.clears)
    .reduce((mask, { low, high }) => mask + 2 ** (high + 1) - 2 ** low, 0);
  return { low: field.low, high: field.high, clearing };
}

/**
 * Finds the longest register name that `name` begins with. For `command.bus_master`, the result is
 * `command`.
 */
function longest(name: string): [string, Register] | undefined {
  return Object.entries<Register>(REGISTERS)
    .filter(([register]) => name === register || name.startsWith(`${register}.`))
    .sort(([a], [b]) => b.length - a.length)[0];
}

function locate(name: string, register: Register, config: Uint8Array): number {
  if (register.capability === null) return registerOffset(register, 0) ?? 0;
  const base = walkCapabilities(config).find((found) => found.name === register.capability)?.offset;
  if (base === undefined) {
    throw new SettingError(`'${name}': the device has no ${register.capability} capability`);
  }
  const within = registerOffset(register, u16(config, base + 2));
  if (within === null) throw new SettingError(`'${name}': the device does not have this register`);
  return base + within;
}

/**
 * Matches a name or a number. The name can be followed by `+` and an offset, by `.` and a width,
 * and by `@` and an index. If several capabilities have the same id, the index selects one of them.
 */
const SETPCI = /^([a-z_0-9]+)(?:\+([0-9a-f]+))?(?:\.([bwl]))?(?:@([0-9]+))?$/i;
const WIDTHS = { b: 1, w: 2, l: 4 } as const;

function ofSetpci(name: string, config: Uint8Array): Target {
  const parts = SETPCI.exec(name);
  if (parts === null) throw unknown(name);
  const [, base = '', plus = '0', suffix, which = '0'] = parts;
  const place = baseOf(base.toUpperCase(), Number(which), name, config);
  const width =
    suffix === undefined ? place.width : WIDTHS[suffix.toLowerCase() as 'b' | 'w' | 'l'];
  if (width === undefined) throw new SettingError(`'${name}': give a width: ${name}.b, .w or .l`);
  return { offset: place.offset + parseInt(plus, 16), width };
}

function baseOf(
  base: string,
  which: number,
  name: string,
  config: Uint8Array,
): { offset: number; width?: 1 | 2 | 4 | undefined } {
  const known = Object.hasOwn(SETPCI_REGISTERS, base) ? SETPCI_REGISTERS[base] : undefined;
  if (known !== undefined) return { offset: known[0], width: known[1] };
  const extended = base.startsWith('ECAP');
  if (extended || base.startsWith('CAP')) {
    const id = capabilityId(base.slice(extended ? 4 : 3), extended);
    if (id === null) throw unknown(name);
    return { offset: findCapability(id, extended, which, name, config).offset };
  }
  if (/^[0-9A-F]{1,3}$/.test(base)) return { offset: parseInt(base, 16) };
  throw unknown(name);
}

/**
 * Parses the text after `CAP` or `ECAP`. The text is a name, for example `_MSIX`, or a number, for
 * example `11`.
 */
function capabilityId(rest: string, extended: boolean): number | null {
  const names = extended ? SETPCI_EXTENDED : SETPCI_CAPABILITIES;
  if (rest.startsWith('_'))
    return Object.hasOwn(names, rest.slice(1)) ? (names[rest.slice(1)] ?? null) : null;
  return /^[0-9A-F]{1,4}$/.test(rest) ? parseInt(rest, 16) : null;
}

function findCapability(
  id: number,
  extended: boolean,
  which: number,
  name: string,
  config: Uint8Array,
): Capability {
  const all = walkCapabilities(config).filter(
    (found) => found.id === id && found.extended === extended,
  );
  const found = all[which];
  if (found !== undefined) return found;
  const there = all.length === 0 ? 'no such capability' : `only ${all.length} of that capability`;
  throw new SettingError(`'${name}': the device has ${there}`);
}

function unknown(name: string): SettingError {
  return new SettingError(
    `unknown register '${name}': give a name of setpci (COMMAND, CAP_MSIX+2.w, 40.b) or of this library (command, msix.control, command.bus_master)`,
  );
}

function parseHex(text: string): number {
  return /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? parseInt(text, 16) : NaN;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
