import { checkFieldValue } from '../registers/fields.js';
import type { FieldLayout } from '../registers/layout.js';
import {
  type Member,
  numberProperty,
  type NumberProperty,
  structClass,
  type ViewClass,
} from './base.js';
import type { NumberMember } from './layout.js';

/** Creates the class for a number with bit fields. The number itself is the member `value`. */
export function fieldsClass(member: NumberMember): ViewClass {
  const { name: owner, bits, fields } = member;
  const number = numberProperty({ ...member, offset: 0 });
  const fieldOf = bits > 32 ? bigintField : numberField;
  const members = new Map<string, Member>(
    [...(fields ?? [])].map(([name, field]) => [name, fieldOf(owner, field, number)]),
  );
  return structClass(members.set('value', number));
}

function numberField(
  owner: string,
  field: FieldLayout,
  number: NumberProperty,
): PropertyDescriptor {
  const { lsb, size } = field;
  const mask = 0xffff_ffff >>> (32 - size);
  const { get, set } = number as NumberProperty<number>;
  return {
    get(this: DataView) {
      return ((get.call(this) >>> lsb) & mask) >>> 0;
    },
    set(this: DataView, value: unknown) {
      if (typeof value !== 'number' || (value & mask) >>> 0 !== value)
        checkFieldValue(`member ${owner}`, field, value);
      set.call(this, ((get.call(this) & ~(mask << lsb)) | (Number(value) << lsb)) >>> 0);
    },
  };
}

function bigintField(
  owner: string,
  field: FieldLayout,
  number: NumberProperty,
): PropertyDescriptor {
  const lsb = BigInt(field.lsb);
  const mask = (1n << BigInt(field.size)) - 1n;
  const isWide = field.size > 32;
  const { get, set } = number as NumberProperty<bigint>;
  return {
    get(this: DataView) {
      const bits = (get.call(this) >> lsb) & mask;
      return isWide ? bits : Number(bits);
    },
    set(this: DataView, value: unknown) {
      checkFieldValue(`member ${owner}`, field, value);
      set.call(this, (get.call(this) & ~(mask << lsb)) | (BigInt(value) << lsb));
    },
  };
}
