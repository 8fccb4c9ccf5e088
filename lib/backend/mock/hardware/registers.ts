import type { Width } from '../../../contract/index.js';
import type { BarShape, NarrowRegister, Register, WideRegister } from './model.js';

/** Something in a BAR that takes part of it before the registers do. */
export interface Overlay {
  covers(offset: number): boolean;
  read(offset: number, width: 1 | 2 | 4): number;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

/**
 * A BAR as a table of registers. Accesses are naturally aligned and lie within it; 64-bit ones
 * have methods of their own, so that the others need no bigint.
 */
export class RegisterTable {
  readonly size: number;
  readonly #widths: readonly Width[] | undefined;
  readonly #split: Width;
  readonly #elsewhere: number;
  readonly #overlays: readonly Overlay[];
  readonly #at = new Map<number, Register>();
  /** Where the register begins that a byte belongs to, by the dword it is in. */
  readonly #begins = new Map<number, readonly Register[]>();

  constructor(shape: BarShape, registers: readonly Register[], overlays: readonly Overlay[]) {
    this.size = shape.size;
    this.#widths = shape.widths;
    this.#split = shape.split ?? 8;
    this.#elsewhere = shape.elsewhere ?? 0;
    this.#overlays = overlays;
    for (const register of registers) {
      this.#at.set(register.offset, register);
      const high = upperHalf(register);
      if (high !== undefined) this.#at.set(high.offset, high);
      for (let dword = register.offset >>> 2; dword * 4 < end(register); dword++) {
        this.#begins.set(dword, [...(this.#begins.get(dword) ?? []), register]);
      }
    }
  }

  read(offset: number, width: 1 | 2 | 4): number {
    if (this.#widths?.includes(width) === false) return 0;
    const overlay = this.#overlay(offset);
    if (overlay !== undefined) return overlay.read(offset, width);
    const register = this.#answering(offset, width);
    return register?.width === width ? narrow(register) : this.#assemble(offset, width);
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    if (this.#widths?.includes(width) === false) return;
    const overlay = this.#overlay(offset);
    if (overlay !== undefined) {
      overlay.write(offset, width, value);
      return;
    }
    for (let done = 0; done < width; done += this.#split) {
      this.#writeRegister(offset + done, width, value >>> (8 * done));
    }
  }

  read64(offset: number): bigint {
    if (this.#widths?.includes(8) === false) return 0n;
    const register = this.#answering(offset, 8);
    if (register?.width === 8) return wide(register);
    const half = (at: number): number =>
      this.#overlay(at)?.read(at, 4) ?? this.#assemble(at, 4, { offset, width: 8 });
    return BigInt(half(offset)) | (BigInt(half(offset + 4)) << 32n);
  }

  write64(offset: number, value: bigint): void {
    if (this.#widths?.includes(8) === false) return;
    const low = Number(value & 0xffff_ffffn);
    const overlay = this.#overlay(offset);
    if (overlay !== undefined) {
      overlay.write(offset, 4, low);
      overlay.write(offset + 4, 4, Number(value >> 32n));
      return;
    }
    const register = this.#answering(offset, 8);
    if (register?.width === 8 && this.#split === 8) {
      register.write?.(value, 8);
      return;
    }
    const parts = { 0: low, 4: Number(value >> 32n) } as const;
    for (let done = 0; done < 8; done += this.#split) {
      const half = done < 4 ? 0 : 4;
      this.#writeRegister(offset + done, 8, parts[half] >>> (8 * (done - half)));
    }
  }

  /** Writes what begins at an offset. @param width - of the access that it is a part of */
  #writeRegister(offset: number, width: Width, value: number): void {
    const register = this.#answering(offset, width);
    const part = width < this.#split ? width : this.#split;
    if (register?.width === 8) register.write?.(BigInt(value), width);
    else register?.write?.(cut(value, least(part, register.width)), width);
  }

  /** The register that begins at an offset, if it takes accesses of that width. */
  #answering(offset: number, width: Width): Register | undefined {
    const register = this.#at.get(offset);
    return register !== undefined && answers(register, offset, width) ? register : undefined;
  }

  #overlay(offset: number): Overlay | undefined {
    for (const overlay of this.#overlays) if (overlay.covers(offset)) return overlay;
    return undefined;
  }

  /** Reads the registers that `width` bytes are parts of, as part of the given access. */
  #assemble(offset: number, width: 1 | 2 | 4, access: Access = { offset, width }): number {
    let value = 0;
    let claimed = 0;
    for (const register of this.#begins.get(offset >>> 2) ?? []) {
      if (register.offset >= offset + width || end(register) <= offset) continue;
      if (!answers(register, access.offset, access.width)) continue;
      const shift = 8 * (offset - register.offset);
      value |= aligned(read(register), shift);
      claimed |= aligned(ones(register), shift);
    }
    const elsewhere = this.#elsewhere === 0 ? 0 : ~claimed;
    return cut((value | elsewhere) >>> 0, width);
  }
}

interface Access {
  readonly offset: number;
  readonly width: Width;
}

/** What a 64-bit register is to accesses that begin at its upper half, if it tells them apart. */
function upperHalf(register: Register): Register | undefined {
  if (register.width !== 8 || register.writeHigh === undefined) return undefined;
  const { offset, name, writeHigh: write } = register;
  const read = () => Number(wide(register) >> 32n);
  return { offset: offset + 4, width: 4, name: `${name} (high)`, read, write };
}

function end(register: Register): number {
  return register.offset + register.width;
}

function answers({ offset, widths }: Register, at: number, width: Width): boolean {
  return widths === undefined || (offset === at && widths.includes(width));
}

function read(register: Register): bigint {
  return register.width === 8 ? wide(register) : BigInt(narrow(register));
}

/** What it reads as: unsigned, also where the model made a signed number by bit operators. */
function narrow(register: NarrowRegister): number {
  const value: unknown = register.read === undefined ? 0 : register.read();
  if (typeof value !== 'number') throw notRead(register, value);
  const bits = cut(value, register.width);
  const least = -(2 ** (8 * register.width - 1));
  if (bits !== value && !(Number.isInteger(value) && value < 0 && value >= least)) {
    throw notRead(register, value);
  }
  return bits;
}

/** As {@link narrow}. */
function wide(register: WideRegister): bigint {
  const value: unknown = register.read === undefined ? 0n : register.read();
  if (typeof value !== 'bigint') throw notRead(register, value);
  const bits = BigInt.asUintN(64, value);
  if (bits !== value && BigInt.asIntN(64, value) !== value) throw notRead(register, value);
  return bits;
}

function notRead({ name, width }: Register, value: unknown): TypeError {
  const kind = width === 8 ? 'a bigint' : 'an integer';
  return new TypeError(
    `read of ${name} must give ${kind} of ${8 * width} bits, not ${String(value)}`,
  );
}

function ones(register: Register): bigint {
  return (1n << BigInt(8 * register.width)) - 1n;
}

/** The 32 bits of a register's value that are asked for; a negative shift is a later register. */
function aligned(value: bigint, shift: number): number {
  const shifted = shift >= 0 ? value >> BigInt(shift) : value << BigInt(-shift);
  return Number(BigInt.asIntN(32, shifted));
}

function least(one: Width, other: 1 | 2 | 4): 1 | 2 | 4 {
  return one < other ? (one as 1 | 2 | 4) : other;
}

function cut(value: number, width: 1 | 2 | 4): number {
  return width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
}
