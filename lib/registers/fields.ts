import { checkInteger, checkOptions, describeKind, U64_MAX } from '../checks.js';
import type { RegisterAccess } from './definition.js';
import type { FieldLayout, RegisterLayout } from './layout.js';

/** Values of fields by name. */
export type Values = Readonly<Record<string, number | bigint | undefined>>;

/** Converts between the value of a register and its fields. */
export interface FieldCodec<V extends number | bigint> {
  /** Returns the fields of a value. */
  decode(value: V): Record<string, number | bigint>;
  /** Returns the bits of some fields. @throws as {@link checkValues} */
  encode(values: Values): V;
  /** Returns a value with some fields replaced. All other bits that a write could clear are 0. */
  replace(value: V, values: Values): V;
  /** Returns whether fields of a value are equal to the given values. */
  matches(value: V, values: Values): boolean;
}

/**
 * Checks that each name is a field, and that each value fits into its field.
 *
 * @throws TypeError for an unknown field or a wrong type; RangeError for a value that is too large
 */
export function checkValues({ name, fields }: RegisterLayout, values: Values): void {
  checkOptions(values, [...fields.keys()], `register ${name}`);
  for (const [key, value] of Object.entries(values)) {
    const field = fields.get(key);
    if (field !== undefined) checkFieldValue(`register ${name}`, field, value);
  }
}

/** Checks that a value fits into a field. @param owner - the register or member of the field */
export function checkFieldValue(
  owner: string,
  { name, size }: FieldLayout,
  value: unknown,
): asserts value is number | bigint {
  const what = `field ${name} of ${owner}`;
  if (size <= 32) {
    checkInteger(value, what, 0, 2 ** size - 1);
    return;
  }
  if (typeof value !== 'bigint') {
    throw new TypeError(`${what} must be a bigint, not ${describeKind(value)}`);
  }
  if (value < 0n || value >> BigInt(size) !== 0n) {
    throw new RangeError(`${what} has ${size} bits: ${value} does not fit`);
  }
}

/** Whether an update writes back the bits that were read. */
function isKept(access: RegisterAccess): boolean {
  return access === 'rw' || access === 'ro';
}

/** The codec of a register of up to 32 bits. */
export function numberCodec(layout: RegisterLayout): FieldCodec<number> {
  const fields = [...layout.fields.values()].map((field) => ({
    ...field,
    mask: (0xffff_ffff >>> (32 - field.size)) >>> 0,
  }));
  const kept = fields.reduce(
    (mask, { access, mask: bits, lsb }) =>
      isKept(access) ? mask | (bits << lsb) : mask & ~(bits << lsb),
    isKept(layout.access) ? -1 : 0,
  );
  const encode = (values: Values): number => {
    let bits = 0;
    for (const { name, lsb } of fields) bits |= Number(values[name] ?? 0) << lsb;
    return bits >>> 0;
  };
  return {
    encode,
    decode(value) {
      const values: Record<string, number> = {};
      for (const { name, lsb, mask } of fields) values[name] = ((value >>> lsb) & mask) >>> 0;
      return values;
    },
    replace(value, values) {
      let mask = kept;
      for (const field of fields) {
        if (values[field.name] !== undefined) mask &= ~(field.mask << field.lsb);
      }
      return ((value & mask) | encode(values)) >>> 0;
    },
    matches: (value, values) =>
      fields.every(
        ({ name, lsb, mask }) =>
          values[name] === undefined || ((value >>> lsb) & mask) >>> 0 === values[name],
      ),
  };
}

/** The codec of a register of 64 bits. */
export function bigintCodec(layout: RegisterLayout): FieldCodec<bigint> {
  const fields = [...layout.fields.values()].map(({ name, access, lsb, size }) => ({
    name,
    access,
    lsb: BigInt(lsb),
    isWide: size > 32,
    mask: (1n << BigInt(size)) - 1n,
  }));
  const kept = fields.reduce(
    (mask, { access, mask: bits, lsb }) =>
      isKept(access) ? mask | (bits << lsb) : mask & ~(bits << lsb),
    isKept(layout.access) ? U64_MAX : 0n,
  );
  const encode = (values: Values): bigint =>
    fields.reduce((bits, { name, lsb }) => bits | (BigInt(values[name] ?? 0) << lsb), 0n);
  return {
    encode,
    decode(value) {
      const values: Record<string, number | bigint> = {};
      for (const { name, lsb, mask, isWide } of fields) {
        const bits = (value >> lsb) & mask;
        values[name] = isWide ? bits : Number(bits);
      }
      return values;
    },
    replace(value, values) {
      let mask = kept;
      for (const field of fields) {
        if (values[field.name] !== undefined) mask &= ~(field.mask << field.lsb);
      }
      return (value & mask) | encode(values);
    },
    matches: (value, values) =>
      fields.every(({ name, lsb, mask }) => {
        const expected = values[name];
        return expected === undefined || ((value >> lsb) & mask) === BigInt(expected);
      }),
  };
}
