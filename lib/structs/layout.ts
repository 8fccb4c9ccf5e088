import { checkChoice, checkInteger, checkObject, checkOptions } from '../checks.js';
import type { FieldDefinition } from '../registers/definition.js';
import type { ViewClass } from './base.js';
import type { StructMember, StructMembers, StructType } from './definition.js';
import { checkName, type FieldLayout, fieldLayouts } from '../registers/layout.js';

const TYPES = [
  ...(['u8', 'u16', 'u24', 'u32', 'u48', 'u64'] as const),
  ...(['u16be', 'u24be', 'u32be', 'u48be', 'u64be'] as const),
] as const;
const COUNT_MAX = 2 ** 20;
const SIZE_MAX = 2 ** 32;
/** Names that a structure has beside its members. */
const METHODS = ['read', 'write'];

/** A number in a structure: its place, its size in bits and its byte order. */
export interface NumberLayout {
  /** The name of the member, for error messages. */
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  readonly bits: 8 | 16 | 24 | 32 | 48 | 64;
  readonly isLittleEndian: boolean;
}

/** A number with checked values, or an array of numbers. */
export interface NumberMember extends NumberLayout {
  /** Bytes of one element. */
  readonly size: number;
  /** Number of elements, or null if the member is not an array. */
  readonly count: number | null;
  /** The bit fields, or null if the member has none. */
  readonly fields: ReadonlyMap<string, FieldLayout> | null;
}

/** A structure within a structure, or an array of structures. */
export interface NestedMember extends StructParts {
  /** The name of the member, for error messages. */
  readonly name: string;
  readonly offset: number;
  readonly count: number | null;
}

export type MemberLayout = NumberMember | NestedMember;

/** The parts of a checked structure. */
export interface StructParts {
  /** Bytes. */
  readonly size: number;
  readonly layouts: ReadonlyMap<string, MemberLayout>;
  readonly View: ViewClass;
}

/** Returns the parts of a {@link Struct}, or null for any other value. */
type PartsOf = (value: unknown) => StructParts | null;

export function isNested(layout: MemberLayout): layout is NestedMember {
  return 'layouts' in layout;
}

/** Returns the offset after the last byte of a member. */
export function endOf({ offset, size, count }: MemberLayout): number {
  return offset + size * (count ?? 1);
}

/**
 * Checks the members of a structure, and gives each member its offset.
 *
 * @throws TypeError for a wrong type or an unknown property; RangeError for a wrong number
 */
export function memberLayouts(
  struct: string,
  members: StructMembers,
  partsOf: PartsOf,
): Map<string, MemberLayout> {
  checkObject(members, 'the members');
  const layouts = new Map<string, MemberLayout>();
  let end = 0;
  for (const [name, member] of Object.entries(members)) {
    checkName(name, `the name of a member of ${struct}`);
    if (METHODS.includes(name)) {
      throw new TypeError(`a member of ${struct} cannot have the name '${name}'`);
    }
    const layout = memberLayout(`${struct}.${name}`, member, end, partsOf);
    layouts.set(name, layout);
    end = endOf(layout);
  }
  return layouts;
}

/** A member that is an object, with all properties that the kinds of members have. */
interface LongMember {
  readonly type: unknown;
  readonly offset?: number;
  readonly count?: number;
  readonly fields?: Readonly<Record<string, FieldDefinition>>;
}

function memberLayout(
  name: string,
  member: StructMember,
  end: number,
  partsOf: PartsOf,
): MemberLayout {
  const what = `member ${name}`;
  const parts = partsOf(member);
  if (parts !== null) return { ...parts, name, offset: end, count: null };
  if (typeof member === 'string') {
    return { ...numberLayout(name, member, end), count: null, fields: null };
  }
  checkObject(member, what);
  const { type, count, fields, offset = end } = member as LongMember;
  checkOptions(member, ['type', 'offset', fields === undefined ? 'count' : 'fields'], what);
  checkInteger(offset, `the offset of ${what}`, end, SIZE_MAX);
  if (count !== undefined) checkInteger(count, `the count of ${what}`, 1, COUNT_MAX);
  const nested = partsOf(type);
  if (nested !== null && fields === undefined) {
    return { ...nested, name, offset, count: count ?? null };
  }
  const number = numberLayout(name, type, offset);
  if (fields === undefined) return { ...number, count: count ?? null, fields: null };
  checkObject(fields, `the fields of ${what}`);
  for (const reserved of ['read', 'value']) {
    if (Object.hasOwn(fields, reserved)) {
      throw new TypeError(`a field of ${what} cannot have the name '${reserved}'`);
    }
  }
  return { ...number, count: null, fields: fieldLayouts(fields, what, number.bits, 'rw') };
}

function numberLayout(name: string, type: unknown, offset: number) {
  checkChoice(type, `the type of member ${name}`, TYPES);
  const text = type as StructType;
  const bits = Number(text.replace(/\D/g, '')) as NumberLayout['bits'];
  return { name, offset, bits, size: bits / 8, isLittleEndian: !text.endsWith('be') };
}
