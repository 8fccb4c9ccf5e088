import { checkExtent, describeValue } from '../checks.js';
import { checkName } from '../registers/layout.js';
import { arrayMaker, StructList } from './array.js';
import { type Member, numberProperty, structClass } from './base.js';
import type { StructMembers, StructView } from './definition.js';
import { fieldsClass } from './fields.js';
import { endOf, isNested, type MemberLayout, memberLayouts, type StructParts } from './layout.js';
import { bytesIn, type StructMemory } from './memory.js';
import { addWrite } from './write.js';

/** Creates the {@link Struct} of checked members. */
let createStruct: <S extends StructMembers>(name: string, parts: StructParts) => Struct<S>;

/** Returns the parts of a {@link Struct}, or null for any other value. */
let partsOf: (value: unknown) => StructParts | null;

/** A checked definition of a structure. Made by {@link defineStruct}. */
export class Struct<S extends StructMembers = StructMembers> {
  /** The name of the structure, for error messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #parts: StructParts;

  static {
    createStruct = (name, parts) => new Struct(name, parts);
    partsOf = (value) => (value instanceof Struct ? value.#parts : null);
  }

  private constructor(name: string, parts: StructParts) {
    this.name = name;
    this.size = parts.size;
    this.#parts = parts;
  }

  /**
   * Returns the offset of a member from the start of the structure, in bytes.
   *
   * @throws TypeError if the structure has no such member
   */
  offsetOf(member: keyof S & string): number {
    const layout = this.#parts.layouts.get(member);
    if (layout !== undefined) return layout.offset;
    throw new TypeError(`structure ${this.name} has no member ${describeValue(member)}`);
  }

  /**
   * Returns the structure in memory. Nothing is read or written.
   *
   * @param offset - bytes from the start of the memory, with any alignment. Default: 0.
   * @throws RangeError if the structure is not within the memory
   */
  on(memory: StructMemory, offset = 0): StructView<S> {
    const bytes = bytesIn(memory);
    checkExtent(offset, this.size, bytes.length);
    const start = bytes.byteOffset + offset;
    return new this.#parts.View(bytes.buffer, start, this.size) as StructView<S>;
  }
}

function memberOf(layout: MemberLayout): Member {
  const { offset, size, count } = layout;
  if (isNested(layout)) {
    if (count !== null) return (buffer, start) => new StructList(layout, buffer, start);
    const { View } = layout;
    return (buffer, start) => new View(buffer, start + offset, size);
  }
  if (layout.fields !== null) {
    const Fields = fieldsClass(layout);
    return (buffer, start) => new Fields(buffer, start + offset, size);
  }
  return count === null ? numberProperty(layout) : arrayMaker(layout);
}

/**
 * Defines a structure in memory, for example a descriptor of a ring. A member begins at the end of
 * the member before, unless the member has an `offset`. A member can be another structure.
 *
 * @param name - the name of the structure, for error messages
 * @throws TypeError for a wrong type, an unknown property or an unknown type of a member
 * @throws RangeError for a wrong count, for an offset before the end of the member before, and for
 *   fields that overlap or exceed their member
 * @example
 * const completion = defineStruct('completion', {
 *   result: 'u32',
 *   reserved: 'u32',
 *   head: 'u16',
 *   queue: 'u16',
 *   command: 'u16',
 *   status: { type: 'u16', fields: { phase: 0, code: [8, 1], type: [11, 9] } },
 * });
 * const entry = completion.on(buffer, 3 * completion.size);
 * if (entry.status.phase === 1) console.log(entry.command, entry.status.code);
 */
export function defineStruct<const S extends StructMembers>(name: string, members: S): Struct<S> {
  checkName(name, 'the name of a structure');
  const layouts = memberLayouts(name, members, partsOf);
  const size = Math.max(0, ...[...layouts.values()].map(endOf));
  const accessors = new Map([...layouts].map(([member, layout]) => [member, memberOf(layout)]));
  const parts = { size, layouts, View: structClass(accessors) };
  addWrite(name, parts);
  return createStruct<S>(name, parts);
}
