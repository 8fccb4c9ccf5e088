import { inspect } from 'node:util';
import { checkInteger, checkU64 } from '../checks.js';
import type { MemberLayout } from './layout.js';

/** An array of numbers in a structure. */
export class StructNumbers {
  /** Number of elements. */
  readonly length: number;
  readonly #view: DataView;
  readonly #layout: MemberLayout;

  constructor(view: DataView, layout: MemberLayout) {
    this.#view = view;
    this.#layout = layout;
    this.length = layout.count ?? 1;
  }

  /** @throws RangeError if the array has no such element */
  at(index: number): number | bigint {
    const { bits, isLittleEndian } = this.#layout;
    const offset = this.#offsetOf(index);
    switch (bits) {
      case 8:
        return this.#view.getUint8(offset);
      case 16:
        return this.#view.getUint16(offset, isLittleEndian);
      case 32:
        return this.#view.getUint32(offset, isLittleEndian);
      case 64:
        return this.#view.getBigUint64(offset, isLittleEndian);
    }
  }

  /** @throws RangeError if the array has no such element, or the value does not fit */
  set(index: number, value: number | bigint): void {
    const { name, bits, isLittleEndian } = this.#layout;
    const offset = this.#offsetOf(index);
    if (bits === 64) {
      checkU64(value, `member ${name}`);
      this.#view.setBigUint64(offset, value, isLittleEndian);
      return;
    }
    checkInteger(value, `member ${name}`, 0, 2 ** bits - 1);
    if (bits === 8) this.#view.setUint8(offset, value);
    else if (bits === 16) this.#view.setUint16(offset, value, isLittleEndian);
    else this.#view.setUint32(offset, value, isLittleEndian);
  }

  *[Symbol.iterator](): Generator<number | bigint, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  [inspect.custom](): unknown {
    return [...this];
  }

  #offsetOf(index: number): number {
    const { name, offset, bits } = this.#layout;
    checkInteger(index, `the index of member ${name}`, 0, this.length - 1);
    return offset + index * (bits / 8);
  }
}
