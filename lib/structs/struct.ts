import { checkBytes, checkExtent, checkObject, describeValue } from '../checks.js';
import { checkName } from '../registers/layout.js';
import { arrayMaker } from './array.js';
import { type Member, numberProperty, structClass, type ViewClass } from './base.js';
import type { StructMembers, StructView } from './definition.js';
import { fieldsClass } from './fields.js';
import { type MemberLayout, memberLayouts, sizeOf } from './layout.js';

/** Memory that contains structures: bytes, or a DMA buffer. */
export type StructMemory = Uint8Array | { readonly bytes: Uint8Array };

/** Creates the {@link Struct} of checked members. */
let createStruct: <S extends StructMembers>(
  name: string,
  layouts: ReadonlyMap<string, MemberLayout>,
) => Struct<S>;

/** A checked definition of a structure. Made by {@link defineStruct}. */
export class Struct<S extends StructMembers = StructMembers> {
  /** The name of the structure, for error messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #layouts: ReadonlyMap<string, MemberLayout>;
  readonly #View: ViewClass;

  static {
    createStruct = (name, layouts) => new Struct(name, layouts);
  }

  private constructor(name: string, layouts: ReadonlyMap<string, MemberLayout>) {
    this.name = name;
    this.size = [...layouts.values()].reduce((size, layout) => size + sizeOf(layout), 0);
    this.#layouts = layouts;
    this.#View = structClass(
      new Map([...layouts].map(([member, layout]) => [member, memberOf(layout)])),
    );
  }

  /**
   * Returns the offset of a member from the start of the structure, in bytes.
   *
   * @throws TypeError if the structure has no such member
   */
  offsetOf(member: keyof S & string): number {
    const layout = this.#layouts.get(member);
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
    checkObject(memory, 'memory');
    const bytes = memory instanceof Uint8Array ? memory : memory.bytes;
    checkBytes(bytes, 'memory');
    checkExtent(offset, this.size, bytes.length);
    const start = bytes.byteOffset + offset;
    return new this.#View(bytes.buffer, start, this.size) as StructView<S>;
  }
}

function memberOf(layout: MemberLayout): Member {
  const { offset, count, fields } = layout;
  if (fields !== null) {
    const Fields = fieldsClass(layout);
    return (buffer, start) => new Fields(buffer, start + offset, sizeOf(layout));
  }
  if (count === null) return numberProperty(layout);
  return arrayMaker(layout);
}

/**
 * Defines a structure in memory, for example a descriptor of a ring. The members follow each other
 * without gaps.
 *
 * @param name - the name of the structure, for error messages
 * @throws TypeError for a wrong type, an unknown property or an unknown type of a member
 * @throws RangeError for a wrong count, and for fields that overlap or exceed their member
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
  return createStruct<S>(name, memberLayouts(name, members));
}
