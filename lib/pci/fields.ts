import { checkInteger, checkNumber, checkObject } from '../checks.js';
import { bits } from './bytes.js';

/** A field of a register. The field consists of the bits `low` to `high`, both inclusive. */
export interface Field {
  readonly low: number;
  readonly high: number;
  /**
   * Whether the field is RW1C, that is, a write of 1 clears the field. A write that changes only
   * other fields must write 0 to an RW1C field.
   */
  readonly clears: boolean;
}

/** The fields of a register by name. */
export type Fields = Readonly<Record<string, Field>>;

export function field(low: number, high = low): Field {
  return { low, high, clears: false };
}

export function rw1c(low: number, high = low): Field {
  return { low, high, clears: true };
}

/** Decodes a register's value into its fields. */
export function decodeFields<F extends Fields>(
  register: { readonly fields: F },
  value: number,
): Record<keyof F, number> {
  checkRegister(register);
  checkNumber(value, 'value');
  const entries = Object.entries(register.fields);
  const decoded = entries.map(([name, { low, high }]) => [name, bits(value, low, high)]);
  return Object.fromEntries(decoded) as Record<keyof F, number>;
}

/**
 * Returns the register value that must be written to change only the fields in `changes`. A field
 * that is not in `changes` keeps its value from `current`. However, an RW1C field that is not in
 * `changes` becomes 0.
 *
 * @throws TypeError if a field is unknown; RangeError if a value does not fit into its field
 */
export function updateFields(
  register: { readonly fields: Fields },
  current: number,
  changes: Readonly<Record<string, number | undefined>>,
): number {
  checkRegister(register);
  checkNumber(current, 'current');
  checkObject(changes, 'changes');
  let value = current;
  for (const { low, high, clears } of Object.values(register.fields)) {
    if (clears) value = replace(value, low, high, 0);
  }
  for (const [name, change] of Object.entries(changes)) {
    if (change === undefined) continue;
    const target = Object.hasOwn(register.fields, name) ? register.fields[name] : undefined;
    if (target === undefined) {
      const known = Object.keys(register.fields).join(', ') || 'no fields';
      throw new TypeError(`unknown field '${name}'; known: ${known}`);
    }
    const max = 2 ** (target.high - target.low + 1) - 1;
    checkInteger(change, name, 0, max);
    value = replace(value, target.low, target.high, change);
  }
  return value;
}

function checkRegister(register: { readonly fields: Fields }): void {
  checkObject(register, 'register');
  checkObject(register.fields, 'register.fields');
  for (const [name, part] of Object.entries(register.fields)) {
    checkObject(part, name);
    checkInteger(part.low, `${name}.low`, 0, 31);
    checkInteger(part.high, `${name}.high`, part.low, 31);
  }
}

function replace(value: number, low: number, high: number, bitsOfField: number): number {
  return value + (bitsOfField - bits(value, low, high)) * 2 ** low;
}
