import { inspect } from 'node:util';
import { checkInteger, checkU64 } from '../checks.js';
import { type MakeObject, refuseNumber, viewClass } from './base.js';
import type { StructArray } from './definition.js';
import type { NestedMember, NumberMember } from './layout.js';
import { getBigUint48, getUint24, refuseUint48, setBigUint48, setUint24 } from './odd-widths.js';

/* eslint-disable @typescript-eslint/unbound-method -- `call` gives the methods their `this`. */
const { getUint16, getUint32, getBigUint64 } = DataView.prototype;
const { setUint16, setUint32, setBigUint64 } = DataView.prototype;
/* eslint-enable @typescript-eslint/unbound-method */

/** Returns the function that creates the array of a member. An array of bytes is a Uint8Array. */
export function arrayMaker(layout: NumberMember): MakeObject {
  const { bits, offset, size } = layout;
  const length = layout.count ?? 1;
  if (bits === 8) return (buffer, start) => new Uint8Array(buffer, start + offset, length);
  const iterate = function* (this: StructArray) {
    for (let index = 0; index < length; index++) yield this.at(index);
  };
  const Numbers = viewClass({
    ...elementMethods(layout, bits),
    length: { value: length },
    [Symbol.iterator]: { value: iterate },
    [inspect.custom]: {
      value(this: StructArray) {
        return [...this];
      },
    },
  });
  return (buffer, start) => new Numbers(buffer, start + offset, size * length);
}

/** An array of structures in a structure. */
export class StructList implements StructArray<object> {
  /** Number of elements. */
  readonly length: number;
  readonly #layout: NestedMember;
  readonly #buffer: ArrayBufferLike;
  readonly #start: number;

  /** @param start - the first byte of the structure that contains the array */
  constructor(layout: NestedMember, buffer: ArrayBufferLike, start: number) {
    this.length = layout.count ?? 1;
    this.#layout = layout;
    this.#buffer = buffer;
    this.#start = start + layout.offset;
  }

  at(index: number): object {
    const { name, size, View } = this.#layout;
    checkInteger(index, `the index of member ${name}`, 0, this.length - 1);
    return new View(this.#buffer, this.#start + index * size, size);
  }

  *[Symbol.iterator](): Generator<object, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  [inspect.custom](): unknown {
    return [...this];
  }
}

/**
 * Makes the methods that read and write an element. As in `numberProperty`, each width has its own
 * functions, and these functions read no property of `this`.
 */
function elementMethods(
  { name, count, isLittleEndian }: NumberMember,
  bits: Exclude<NumberMember['bits'], 8>,
): PropertyDescriptorMap {
  const last = (count ?? 1) - 1;
  const isIndex = (index: unknown) =>
    typeof index === 'number' && index >>> 0 === index && index <= last;
  /** Throws the error for an index. To make the texts for each access would take 100 ns. */
  const refuse = (index: number) => {
    checkInteger(index, `the index of member ${name}`, 0, last);
  };
  switch (bits) {
    case 16:
      return {
        at: {
          value(this: DataView, index: number) {
            if (!isIndex(index)) refuse(index);
            return getUint16.call(this, 2 * index, isLittleEndian);
          },
        },
        set: {
          value(this: DataView, index: number, value: unknown) {
            if (!isIndex(index)) refuse(index);
            if (typeof value !== 'number' || (value & 0xffff) !== value)
              refuseNumber(name, value, 16);
            setUint16.call(this, 2 * index, value, isLittleEndian);
          },
        },
      };
    case 24:
      return {
        at: {
          value(this: DataView, index: number) {
            if (!isIndex(index)) refuse(index);
            return getUint24.call(this, 3 * index, isLittleEndian);
          },
        },
        set: {
          value(this: DataView, index: number, value: unknown) {
            if (!isIndex(index)) refuse(index);
            if (typeof value !== 'number' || (value & 0xff_ffff) !== value)
              refuseNumber(name, value, 24);
            setUint24.call(this, 3 * index, value, isLittleEndian);
          },
        },
      };
    case 32:
      return {
        at: {
          value(this: DataView, index: number) {
            if (!isIndex(index)) refuse(index);
            return getUint32.call(this, 4 * index, isLittleEndian);
          },
        },
        set: {
          value(this: DataView, index: number, value: unknown) {
            if (!isIndex(index)) refuse(index);
            if (typeof value !== 'number' || value >>> 0 !== value) refuseNumber(name, value, 32);
            setUint32.call(this, 4 * index, value, isLittleEndian);
          },
        },
      };
    case 48:
      return {
        at: {
          value(this: DataView, index: number) {
            if (!isIndex(index)) refuse(index);
            return getBigUint48.call(this, 6 * index, isLittleEndian);
          },
        },
        set: {
          value(this: DataView, index: number, value: unknown) {
            if (!isIndex(index)) refuse(index);
            if (typeof value !== 'bigint' || BigInt.asUintN(48, value) !== value)
              refuseUint48(name, value);
            setBigUint48.call(this, 6 * index, value, isLittleEndian);
          },
        },
      };
    case 64:
      return {
        at: {
          value(this: DataView, index: number) {
            if (!isIndex(index)) refuse(index);
            return getBigUint64.call(this, 8 * index, isLittleEndian);
          },
        },
        set: {
          value(this: DataView, index: number, value: unknown) {
            if (!isIndex(index)) refuse(index);
            if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value)
              checkU64(value, `member ${name}`);
            setBigUint64.call(this, 8 * index, value, isLittleEndian);
          },
        },
      };
  }
}
