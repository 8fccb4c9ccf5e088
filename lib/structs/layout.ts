import { checkChoice, checkInteger, checkObject, checkOptions } from '../checks.js';
import type { StructMember, StructMembers, StructType } from './definition.js';
import { checkName, type FieldLayout, fieldLayouts } from '../registers/layout.js';

const TYPES = ['u8', 'u16', 'u32', 'u64', 'u16be', 'u32be', 'u64be'] as const;
const COUNT_MAX = 2 ** 20;

/** A number in a structure: its place, its size in bits and its byte order. */
export interface NumberLayout {
  /** The name of the member, for error messages. */
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  readonly bits: 8 | 16 | 32 | 64;
  readonly isLittleEndian: boolean;
}

/** A member of a structure with checked values. */
export interface MemberLayout extends NumberLayout {
  /** Number of elements, or null if the member is not an array. */
  readonly count: number | null;
  /** The bit fields, or null if the member has none. */
  readonly fields: ReadonlyMap<string, FieldLayout> | null;
}

/** Bytes of a member. */
export function sizeOf({ bits, count }: MemberLayout): number {
  return (bits / 8) * (count ?? 1);
}

/**
 * Checks the members of a structure, and gives each member its offset.
 *
 * @throws TypeError for a wrong type or an unknown property; RangeError for a wrong number
 */
export function memberLayouts(struct: string, members: StructMembers): Map<string, MemberLayout> {
  checkObject(members, 'the members');
  const layouts = new Map<string, MemberLayout>();
  let offset = 0;
  for (const [name, member] of Object.entries(members)) {
    checkName(name, `the name of a member of ${struct}`);
    if (name === 'read') throw new TypeError(`a member of ${struct} cannot have the name 'read'`);
    const layout = memberLayout(`${struct}.${name}`, member, offset);
    layouts.set(name, layout);
    offset += sizeOf(layout);
  }
  return layouts;
}

function memberLayout(name: string, member: StructMember, offset: number): MemberLayout {
  const what = `member ${name}`;
  if (typeof member === 'string') {
    return { ...numberLayout(name, member, offset), count: null, fields: null };
  }
  checkObject(member, what);
  checkOptions(member, 'count' in member ? ['type', 'count'] : ['type', 'fields'], what);
  const number = numberLayout(name, member.type, offset);
  if ('count' in member) {
    checkInteger(member.count, `the count of ${what}`, 1, COUNT_MAX);
    return { ...number, count: member.count, fields: null };
  }
  checkObject(member.fields, `the fields of ${what}`);
  for (const reserved of ['read', 'value']) {
    if (Object.hasOwn(member.fields, reserved)) {
      throw new TypeError(`a field of ${what} cannot have the name '${reserved}'`);
    }
  }
  return { ...number, count: null, fields: fieldLayouts(member.fields, what, number.bits, 'rw') };
}

function numberLayout(name: string, type: StructType, offset: number): NumberLayout {
  checkChoice(type, `the type of member ${name}`, TYPES);
  const bits = Number(type.replace(/\D/g, '')) as NumberLayout['bits'];
  return { name, offset, bits, isLittleEndian: !type.endsWith('be') };
}
