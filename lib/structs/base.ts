import { inspect } from 'node:util';
import { checkInteger, checkU64 } from '../checks.js';
import type { NumberLayout } from './layout.js';
import { getBigUint48, getUint24, refuseUint48, setBigUint48, setUint24 } from './odd-widths.js';

/* eslint-disable @typescript-eslint/unbound-method -- `call` gives the methods their `this`. */
const { getUint8, getUint16, getUint32, getBigUint64 } = DataView.prototype;
const { setUint8, setUint16, setUint32, setBigUint64 } = DataView.prototype;
/* eslint-enable @typescript-eslint/unbound-method */

/** Makes an object over the memory of a structure that starts at a byte of the buffer. */
export type MakeObject = (buffer: ArrayBufferLike, start: number) => object;

/** A member: a property of the class, or a function that makes an object over the same memory. */
export type Member = PropertyDescriptor | MakeObject;

/** The functions that read and write a number of a structure. */
export interface NumberProperty<V extends number | bigint = number | bigint> {
  readonly get: (this: DataView) => V;
  /** @throws TypeError for a value of a wrong type; RangeError for a value that does not fit */
  readonly set: (this: DataView, value: unknown) => void;
}

/** Makes the functions that read and write a number of a structure. */
export function numberProperty(layout: NumberLayout): NumberProperty {
  const { name, bits, offset, isLittleEndian } = layout;
  // Each width has its own functions, so that V8 compiles each of them for one method of DataView.
  // A common function for all widths would be several times slower.
  switch (bits) {
    case 8:
      return {
        get() {
          return getUint8.call(this, offset);
        },
        set(value) {
          if (typeof value !== 'number' || (value & 0xff) !== value) refuseNumber(name, value, 8);
          setUint8.call(this, offset, value);
        },
      };
    case 16:
      return {
        get() {
          return getUint16.call(this, offset, isLittleEndian);
        },
        set(value) {
          if (typeof value !== 'number' || (value & 0xffff) !== value)
            refuseNumber(name, value, 16);
          setUint16.call(this, offset, value, isLittleEndian);
        },
      };
    case 24:
      return {
        get() {
          return getUint24.call(this, offset, isLittleEndian);
        },
        set(value) {
          if (typeof value !== 'number' || (value & 0xff_ffff) !== value)
            refuseNumber(name, value, 24);
          setUint24.call(this, offset, value, isLittleEndian);
        },
      };
    case 32:
      return {
        get() {
          return getUint32.call(this, offset, isLittleEndian);
        },
        set(value) {
          if (typeof value !== 'number' || value >>> 0 !== value) refuseNumber(name, value, 32);
          setUint32.call(this, offset, value, isLittleEndian);
        },
      };
    case 48:
      return {
        get() {
          return getBigUint48.call(this, offset, isLittleEndian);
        },
        set(value) {
          if (typeof value !== 'bigint' || BigInt.asUintN(48, value) !== value)
            refuseUint48(name, value);
          setBigUint48.call(this, offset, value, isLittleEndian);
        },
      };
    case 64:
      return {
        get() {
          return getBigUint64.call(this, offset, isLittleEndian);
        },
        set(value) {
          if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value)
            checkU64(value, `member ${name}`);
          setBigUint64.call(this, offset, value, isLittleEndian);
        },
      };
  }
}

/** A class of objects over memory. The arguments are those of DataView. */
export type ViewClass = new (buffer: ArrayBufferLike, start: number, size: number) => object;

/**
 * Creates a class of objects over memory.
 *
 * Each object is a DataView, so an access of the memory reads no other object. The accessors of all
 * structures share the code of {@link numberProperty}. This code reads no property of `this`,
 * because such a read becomes slow as soon as a program has a few classes of structures.
 *
 * @param properties - all properties of the class. None of the methods of DataView is inherited, so
 *   a member of a structure can have the name of such a method.
 * @param objects - the functions that make the properties of each object
 */
export function viewClass(
  properties: PropertyDescriptorMap,
  objects: ReadonlyMap<string, MakeObject> = new Map(),
): ViewClass {
  class View extends DataView<ArrayBufferLike> {
    constructor(buffer: ArrayBufferLike, start: number, size: number) {
      super(buffer, start, size);
      for (const [name, make] of objects) {
        Object.defineProperty(this, name, { value: make(buffer, start), enumerable: true });
      }
    }
  }
  Object.setPrototypeOf(View.prototype, Object.prototype);
  Object.defineProperties(View.prototype, properties);
  return View;
}

/** Creates the class of a structure with the given members. */
export function structClass(members: ReadonlyMap<string, Member>): ViewClass {
  const read = { value: readerOf([...members.keys()]) };
  const properties: PropertyDescriptorMap = { read, [inspect.custom]: read };
  const objects = new Map<string, MakeObject>();
  for (const [name, member] of members) {
    if (typeof member === 'function') objects.set(name, member);
    else properties[name] = member;
  }
  return viewClass(properties, objects);
}

/** Returns the method that copies all members. */
function readerOf(names: readonly string[]) {
  return function (this: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(names.map((name) => [name, copyOf(this[name])]));
  };
}

/** Copies the value of a member. */
function copyOf(member: unknown): unknown {
  if (typeof member !== 'object' || member === null) return member;
  if ('read' in member) return (member as { read: () => unknown }).read();
  return [...(member as Iterable<unknown>)].map(copyOf);
}

/** Throws the error for a value that a number of up to 32 bits cannot have. */
export function refuseNumber(
  name: string,
  value: unknown,
  bits: 8 | 16 | 24 | 32,
): asserts value is number {
  checkInteger(value, `member ${name}`, 0, 2 ** bits - 1);
}
