import { checkFieldValue } from '../registers/fields.js';
import type { FieldLayout } from '../registers/layout.js';
import { type Member, numberProperty, structClass, type StructBase } from './base.js';
import type { MemberLayout } from './layout.js';

/** Creates the class for a number with bit fields. The number itself is the member `value`. */
export function fieldsClass(member: MemberLayout): new (view: DataView) => StructBase {
  const { name: owner, bits, fields } = member;
  const fieldOf = bits === 64 ? bigintField : numberField;
  const members = new Map<string, Member>(
    [...(fields ?? [])].map(([name, field]) => [name, fieldOf(owner, field)]),
  );
  return structClass(members.set('value', numberProperty(member)));
}

function numberField(owner: string, field: FieldLayout): PropertyDescriptor {
  const { lsb, size } = field;
  const mask = 0xffff_ffff >>> (32 - size);
  return {
    get(this: { value: number }) {
      return ((this.value >>> lsb) & mask) >>> 0;
    },
    set(this: { value: number }, value: unknown) {
      checkFieldValue(`member ${owner}`, field, value);
      this.value = ((this.value & ~(mask << lsb)) | (Number(value) << lsb)) >>> 0;
    },
  };
}

function bigintField(owner: string, field: FieldLayout): PropertyDescriptor {
  const lsb = BigInt(field.lsb);
  const mask = (1n << BigInt(field.size)) - 1n;
  const isWide = field.size > 32;
  return {
    get(this: { value: bigint }) {
      const bits = (this.value >> lsb) & mask;
      return isWide ? bits : Number(bits);
    },
    set(this: { value: bigint }, value: unknown) {
      checkFieldValue(`member ${owner}`, field, value);
      this.value = (this.value & ~(mask << lsb)) | (BigInt(value) << lsb);
    },
  };
}
