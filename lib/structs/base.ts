import { inspect } from 'node:util';
import { checkInteger, checkU64 } from '../checks.js';
import type { NumberLayout } from './layout.js';

/** Makes the property that reads and writes a number of a structure. */
export let numberProperty: (layout: NumberLayout) => PropertyDescriptor;

/** A member: a property of the class, or a function that makes an object over the same memory. */
export type Member = PropertyDescriptor | ((view: DataView) => object);

/**
 * A structure in memory. Each subclass has the members of one definition as properties.
 *
 * Each width has its own functions, so that V8 compiles each of them for one method of DataView. A
 * common function for all widths would be several times slower.
 */
export class StructBase {
  readonly #view: DataView;
  readonly #names: readonly string[];

  static {
    numberProperty = (layout) => {
      const { name, bits, offset, isLittleEndian } = layout;
      switch (bits) {
        case 8:
          return {
            get(this: StructBase) {
              return this.#view.getUint8(offset);
            },
            set(this: StructBase, value: unknown) {
              if (typeof value !== 'number' || (value & 0xff) !== value) refuse(name, value, 8);
              this.#view.setUint8(offset, value);
            },
          };
        case 16:
          return {
            get(this: StructBase) {
              return this.#view.getUint16(offset, isLittleEndian);
            },
            set(this: StructBase, value: unknown) {
              if (typeof value !== 'number' || (value & 0xffff) !== value) refuse(name, value, 16);
              this.#view.setUint16(offset, value, isLittleEndian);
            },
          };
        case 32:
          return {
            get(this: StructBase) {
              return this.#view.getUint32(offset, isLittleEndian);
            },
            set(this: StructBase, value: unknown) {
              if (typeof value !== 'number' || value >>> 0 !== value) refuse(name, value, 32);
              this.#view.setUint32(offset, value, isLittleEndian);
            },
          };
        case 64:
          return {
            get(this: StructBase) {
              return this.#view.getBigUint64(offset, isLittleEndian);
            },
            set(this: StructBase, value: unknown) {
              checkU64(value, `member ${name}`);
              this.#view.setBigUint64(offset, value, isLittleEndian);
            },
          };
      }
    };
  }

  constructor(view: DataView, names: readonly string[]) {
    this.#view = view;
    this.#names = names;
  }

  /** Returns a copy of all members. */
  read(): Record<string, unknown> {
    const members = this as unknown as Readonly<Record<string, unknown>>;
    return Object.fromEntries(this.#names.map((name) => [name, copyOf(members[name])]));
  }

  [inspect.custom](): unknown {
    return this.read();
  }
}

/** Creates the class of a structure with the given members. */
export function structClass(
  members: ReadonlyMap<string, Member>,
): new (view: DataView) => StructBase {
  const names = [...members.keys()];
  class Members extends StructBase {
    constructor(view: DataView) {
      super(view, names);
      for (const [name, member] of members) {
        if (typeof member !== 'function') continue;
        Object.defineProperty(this, name, { value: member(view), enumerable: true });
      }
    }
  }
  for (const [name, member] of members) {
    if (typeof member !== 'function') Object.defineProperty(Members.prototype, name, member);
  }
  return Members;
}

/** Copies the value of a member. */
function copyOf(member: unknown): unknown {
  if (member instanceof StructBase) return member.read();
  return typeof member === 'object' ? [...(member as Iterable<unknown>)] : member;
}

/** Throws the error for a value that a number of up to 32 bits cannot have. */
function refuse(name: string, value: unknown, bits: 8 | 16 | 32): asserts value is number {
  checkInteger(value, `member ${name}`, 0, 2 ** bits - 1);
}
