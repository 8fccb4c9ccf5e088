import { checkChoice, checkInteger, checkRecord, checkOptions, checkU64 } from '../checks.js';
import type { Width } from '../contract/window.js';
import type { FieldDefinition, RegisterAccess, RegisterDefinition } from './definition.js';

const ACCESS = ['rw', 'ro', 'wo', 'w1c', 'w1s'] as const;
const PROPERTIES = ['offset', 'width', 'access', 'fields', 'count', 'stride', 'split', 'reset'];
const NAME = /^[A-Za-z_]\w*$/;

/** A field with checked bits. */
export interface FieldLayout {
  readonly name: string;
  readonly access: RegisterAccess;
  readonly lsb: number;
  /** Number of bits. */
  readonly size: number;
}

/** A register with checked values and without defaults. */
export interface RegisterLayout {
  readonly name: string;
  readonly offset: number;
  readonly width: Width;
  readonly access: RegisterAccess;
  readonly fields: ReadonlyMap<string, FieldLayout>;
  /** Number of registers, or null if the register is not an array. */
  readonly count: number | null;
  readonly stride: number;
  readonly split: boolean;
  /** The value after a reset: a bigint if the register has 8 bytes. */
  readonly reset: number | bigint;
}

/** Checks the name of a register map, of a register or of a field. */
export function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return;
  const shown = typeof name === 'string' ? JSON.stringify(name) : typeof name;
  throw new TypeError(`${what} must be letters, digits and '_', and begin with a letter: ${shown}`);
}

/**
 * Checks the definition of a register.
 *
 * @throws TypeError for a wrong type, an unknown property or an unknown access
 * @throws RangeError for an offset that is not aligned, and for fields that overlap or exceed the
 *   register
 */
export function layoutOf(name: string, definition: RegisterDefinition): RegisterLayout {
  checkName(name, 'the name of a register');
  const what = `register ${name}`;
  checkOptions(definition, PROPERTIES, what);
  const { offset, width, access = 'rw', fields = {}, count, split = false } = definition;
  checkChoice(width, `the width of ${what}`, [1, 2, 4, 8]);
  const { stride = width } = definition;
  checkChoice(access, `the access of ${what}`, ACCESS);
  checkChoice(split, `split of ${what}`, [true, false]);
  if (split && width !== 8) throw new TypeError(`${what} has ${width} bytes: only 8 can be split`);
  checkAligned(offset, `the offset of ${what}`, split ? 4 : width, 0);
  checkAligned(stride, `the stride of ${what}`, split ? 4 : width, width);
  if (count !== undefined) checkInteger(count, `the count of ${what}`, 1, 2 ** 20);
  else if (definition.stride !== undefined)
    throw new TypeError(`${what} has a stride, but no count`);
  checkRecord(fields, `the fields of ${what}`);
  const { reset = width === 8 ? 0n : 0 } = definition;
  if (width === 8) checkU64(reset, `the reset value of ${what}`);
  else checkInteger(reset, `the reset value of ${what}`, 0, 2 ** (8 * width) - 1);
  return {
    name,
    offset,
    width,
    access,
    fields: fieldLayouts(fields, what, 8 * width, access),
    count: count ?? null,
    stride,
    split,
    reset,
  };
}

/** Checks an offset or a stride. */
export function checkAligned(value: unknown, what: string, unit: number, min: number): void {
  checkInteger(value, what, min, 2 ** 32);
  if (value % unit !== 0) throw new RangeError(`${what}, ${value}, is not a multiple of ${unit}`);
}

/** Checks the fields of a register. @param bits - bits of the register */
export function fieldLayouts(
  fields: Readonly<Record<string, FieldDefinition>>,
  what: string,
  bits: number,
  access: RegisterAccess,
): Map<string, FieldLayout> {
  const layouts = new Map<string, FieldLayout>();
  const owners: string[] = [];
  for (const [name, definition] of Object.entries(fields)) {
    checkName(name, `the name of a field of ${what}`);
    const field = fieldLayout(name, definition, `field ${name} of ${what}`, bits, access);
    for (let bit = field.lsb; bit < field.lsb + field.size; bit++) {
      const owner = owners[bit];
      if (owner !== undefined) {
        throw new RangeError(`fields ${owner} and ${name} of ${what} overlap in bit ${bit}`);
      }
      owners[bit] = name;
    }
    layouts.set(name, field);
  }
  return layouts;
}

function fieldLayout(
  name: string,
  definition: FieldDefinition,
  what: string,
  bits: number,
  inherited: RegisterAccess,
): FieldLayout {
  const isBits = typeof definition === 'number' || Array.isArray(definition);
  if (!isBits) checkOptions(definition, ['bits', 'access'], what);
  const { bits: range, access = inherited } = isBits
    ? { bits: definition }
    : (definition as { bits: unknown; access?: RegisterAccess });
  checkChoice(access, `the access of ${what}`, ACCESS);
  const [msb, lsb, ...more] = (Array.isArray(range) ? range : [range, range]) as unknown[];
  if (more.length > 0) throw new TypeError(`${what} must be a bit or [msb, lsb]`);
  checkInteger(msb, `the most significant bit of ${what}`, 0, bits - 1);
  checkInteger(lsb, `the least significant bit of ${what}`, 0, msb);
  return { name, access, lsb, size: msb - lsb + 1 };
}
