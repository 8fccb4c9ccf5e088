import { describeValue } from '../../../checks.js';
import type { Width } from '../../../contract/index.js';
import type { BarShape, NarrowRegister, Register, WideRegister } from './model.js';

/** A part of a BAR without registers: an MSI-X table or a memory block. */
export interface Overlay {
  covers(offset: number): boolean;
  read(offset: number, width: 1 | 2 | 4): number;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

/**
 * A BAR as a table of registers. Accesses must be naturally aligned and lie within the BAR. 64-bit
 * accesses have separate methods, so that narrower accesses need no bigint.
 */
export class RegisterTable {
  readonly size: number;
  readonly #widths: readonly Width[] | undefined;
  readonly #split: Width;
  readonly #elsewhere: number;
  readonly #overlays: readonly Overlay[];
  readonly #registers: readonly Register[];
  /** Registers by their offset. */
  readonly #byOffset = new Map<number, Register>();
  /**
   * Registers by dword, made at the first access that needs them: an access of another width than
   * its register. A register that spans two dwords is listed for both dwords.
   */
  #byDword: ReadonlyMap<number, readonly Register[]> | null = null;

  constructor(shape: BarShape, registers: readonly Register[], overlays: readonly Overlay[]) {
    this.size = shape.size;
    this.#widths = shape.widths;
    this.#split = shape.split ?? 8;
    this.#elsewhere = shape.elsewhere ?? 0;
    this.#overlays = overlays;
    this.#registers = registers;
    for (const register of registers) {
      this.#byOffset.set(register.offset, register);
      const high = makeUpperHalf(register);
      if (high !== undefined) this.#byOffset.set(high.offset, high);
    }
  }

  read(offset: number, width: 1 | 2 | 4): number {
    if (this.#widths?.includes(width) === false) return 0;
    const overlay = this.#findOverlay(offset);
    if (overlay !== undefined) return overlay.read(offset, width);
    const register = this.#findRegister(offset, width);
    return register?.width === width ? readNarrow(register) : this.#assemble(offset, width);
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    if (this.#widths?.includes(width) === false) return;
    const overlay = this.#findOverlay(offset);
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
    const register = this.#findRegister(offset, 8);
    if (register?.width === 8) return readWide(register);
    const readHalf = (at: number): number =>
      this.#findOverlay(at)?.read(at, 4) ?? this.#assemble(at, 4, { offset, width: 8 });
    return BigInt(readHalf(offset)) | (BigInt(readHalf(offset + 4)) << 32n);
  }

  write64(offset: number, value: bigint): void {
    if (this.#widths?.includes(8) === false) return;
    const low = Number(value & 0xffff_ffffn);
    const overlay = this.#findOverlay(offset);
    if (overlay !== undefined) {
      overlay.write(offset, 4, low);
      overlay.write(offset + 4, 4, Number(value >> 32n));
      return;
    }
    const register = this.#findRegister(offset, 8);
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

  /**
   * Writes the register that begins at an offset.
   *
   * @param width - width of the whole access
   */
  #writeRegister(offset: number, width: Width, value: number): void {
    const register = this.#findRegister(offset, width);
    const part = width < this.#split ? width : this.#split;
    if (register?.width === 8) register.write?.(BigInt(value), width);
    else register?.write?.(truncate(value, minWidth(part, register.width)), width);
  }

  /** Returns the register at an offset, if the register responds to accesses of the given width. */
  #findRegister(offset: number, width: Width): Register | undefined {
    const register = this.#byOffset.get(offset);
    return register !== undefined && respondsTo(register, offset, width) ? register : undefined;
  }

  #findOverlay(offset: number): Overlay | undefined {
    for (const overlay of this.#overlays) if (overlay.covers(offset)) return overlay;
    return undefined;
  }

  /** Reads the registers in a range of `width` bytes, and combines their values. */
  #assemble(offset: number, width: 1 | 2 | 4, access: Access = { offset, width }): number {
    let value = 0;
    let claimed = 0;
    this.#byDword ??= listByDword(this.#registers);
    for (const register of this.#byDword.get(offset >>> 2) ?? []) {
      if (register.offset >= offset + width || endOf(register) <= offset) continue;
      if (!respondsTo(register, access.offset, access.width)) continue;
      const shift = 8 * (offset - register.offset);
      value |= shiftTo32(readValue(register), shift);
      claimed |= shiftTo32(onesOf(register), shift);
    }
    const elsewhere = this.#elsewhere === 0 ? 0 : ~claimed;
    return truncate((value | elsewhere) >>> 0, width);
  }
}

function listByDword(registers: readonly Register[]): Map<number, Register[]> {
  const byDword = new Map<number, Register[]>();
  for (const register of registers) {
    for (let dword = register.offset >>> 2; dword * 4 < endOf(register); dword++) {
      const known = byDword.get(dword);
      if (known === undefined) byDword.set(dword, [register]);
      else known.push(register);
    }
  }
  return byDword;
}

interface Access {
  readonly offset: number;
  readonly width: Width;
}

/**
 * Returns a 32-bit register for the upper half of a 64-bit register that has `writeHigh`. Returns
 * undefined for other registers.
 */
function makeUpperHalf(register: Register): Register | undefined {
  if (register.width !== 8 || register.writeHigh === undefined) return undefined;
  const { offset, name, writeHigh: write } = register;
  const read = () => Number(readWide(register) >> 32n);
  return { offset: offset + 4, width: 4, name: `${name} (high)`, read, write };
}

function endOf(register: Register): number {
  return register.offset + register.width;
}

function respondsTo({ offset, widths }: Register, at: number, width: Width): boolean {
  return widths === undefined || (offset === at && widths.includes(width));
}

function readValue(register: Register): bigint {
  return register.width === 8 ? readWide(register) : BigInt(readNarrow(register));
}

/** Reads a register and converts the value to unsigned. */
function readNarrow(register: NarrowRegister): number {
  const value: unknown = register.read === undefined ? 0 : register.read();
  return toUnsigned(value, register.width, register);
}

/**
 * Converts a value that a model returned to unsigned. Bit operators in a model can return a negative
 * number.
 *
 * @param from - the register or the block of the value, for the error
 * @throws TypeError if the value is not an integer of `width` bytes
 */
export function toUnsigned(
  value: unknown,
  width: 1 | 2 | 4,
  from: { readonly name: string },
): number {
  if (typeof value !== 'number') throw wrongValue(from.name, width, value);
  const bits = truncate(value, width);
  const least = -(2 ** (8 * width - 1));
  if (bits !== value && !(Number.isInteger(value) && value < 0 && value >= least)) {
    throw wrongValue(from.name, width, value);
  }
  return bits;
}

/** Reads a 64-bit register and converts the value to unsigned. */
function readWide(register: WideRegister): bigint {
  const value: unknown = register.read === undefined ? 0n : register.read();
  if (typeof value !== 'bigint') throw wrongValue(register.name, 8, value);
  const bits = BigInt.asUintN(64, value);
  if (bits !== value && BigInt.asIntN(64, value) !== value) {
    throw wrongValue(register.name, 8, value);
  }
  return bits;
}

/** Returns the error for a result of a model that does not fit into the access. */
function wrongValue(name: string, width: Width, value: unknown): TypeError {
  const kind = width === 8 ? 'a bigint' : 'an integer';
  return new TypeError(
    `read of ${name} must return ${kind} of ${8 * width} bits, not ${describeValue(value)}`,
  );
}

function onesOf(register: Register): bigint {
  return (1n << BigInt(8 * register.width)) - 1n;
}

/**
 * Shifts a value to the right, or to the left if `shift` is negative. Returns the low 32 bits of
 * the shifted value.
 */
function shiftTo32(value: bigint, shift: number): number {
  const shifted = shift >= 0 ? value >> BigInt(shift) : value << BigInt(-shift);
  return Number(BigInt.asIntN(32, shifted));
}

function minWidth(one: Width, other: 1 | 2 | 4): 1 | 2 | 4 {
  return one < other ? (one as 1 | 2 | 4) : other;
}

function truncate(value: number, width: 1 | 2 | 4): number {
  return width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
}
