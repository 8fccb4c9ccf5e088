import type { Width } from '../contract/window.js';

/**
 * How software may use a register or a field: `'rw'` read and write, `'ro'` read only, `'wo'` write
 * only, `'w1c'` read, and write 1 to clear, or `'w1s'` read, and write 1 to set.
 */
export type RegisterAccess = 'rw' | 'ro' | 'wo' | 'w1c' | 'w1s';

/** One bit, or the most and the least significant bit of a field. */
export type FieldBits = number | readonly [msb: number, lsb: number];

/** A field of a register: its bits, or its bits and its access. */
export type FieldDefinition =
  | FieldBits
  | {
      readonly bits: FieldBits;
      /** Default: the access of the register. */
      readonly access?: RegisterAccess | undefined;
    };

/** A register, or an array of registers. */
export interface RegisterDefinition {
  /** Bytes from the start of the window; a multiple of `width`. */
  readonly offset: number;
  /** Bytes. */
  readonly width: Width;
  /** Default: `'rw'`. */
  readonly access?: RegisterAccess | undefined;
  /** The fields by name. Bits without a field are reserved. */
  readonly fields?: Readonly<Record<string, FieldDefinition>> | undefined;
  /** Number of equal registers. With `count`, the definition describes an array. */
  readonly count?: number | undefined;
  /** Bytes from one register of the array to the next; a multiple of `width`. Default: `width`. */
  readonly stride?: number | undefined;
  /**
   * Whether a register of 8 bytes is accessed as two halves of 4 bytes, the lower half first.
   * Default: false, one access of 8 bytes.
   */
  readonly split?: boolean | undefined;
  /**
   * The value after a reset: a bigint if the register has 8 bytes, otherwise a number. Device models
   * use this value; drivers do not. Default: 0.
   */
  readonly reset?: number | bigint | undefined;
}

/** A block of registers, or an array of equal blocks, for example of the ports of a controller. */
export interface BlockDefinition {
  /**
   * Bytes from the start of the window, or of the outer block. A multiple of the width of the widest
   * register of the block.
   */
  readonly offset: number;
  /** The registers and the inner blocks, by name. Offsets are counted from the start of the block. */
  readonly registers: RegisterDefinitions;
  /** Number of equal blocks. With `count`, the definition describes an array. */
  readonly count?: number | undefined;
  /** Bytes from one block of the array to the next. Default: the size of the block. */
  readonly stride?: number | undefined;
}

/** Registers and blocks by name. */
export type RegisterDefinitions = Readonly<Record<string, RegisterDefinition | BlockDefinition>>;

/** A tuple of N elements. */
type Tuple<N extends number, T extends 0[] = []> = T['length'] extends N ? T : Tuple<N, [...T, 0]>;

/** The type of a field with the bits from M to L: a bigint if the field has more than 32 bits. */
type RangeValue<M extends number, L extends number> = number extends M | L
  ? number | bigint
  : Tuple<M> extends [...Tuple<L>, ...Tuple<32>, ...0[]]
    ? bigint
    : number;

/** The type of a field: a number, or a bigint if the field has more than 32 bits. */
export type FieldValue<F extends FieldDefinition> = F extends number
  ? number
  : F extends readonly [infer M extends number, infer L extends number]
    ? RangeValue<M, L>
    : F extends { readonly bits: infer B extends FieldBits }
      ? FieldValue<B>
      : never;

/** The fields of a register by name. */
export type FieldValues<D extends RegisterDefinition> = RegisterDefinition extends D
  ? Readonly<Record<string, number | bigint>>
  : D extends { readonly fields: infer F extends Readonly<Record<string, FieldDefinition>> }
    ? { readonly [K in keyof F]: FieldValue<F[K]> }
    : Readonly<Record<string, never>>;

/** The type of a register: a bigint if the register has 8 bytes, otherwise a number. */
export type RegisterValue<D extends RegisterDefinition> = D['width'] extends 8
  ? bigint
  : D['width'] extends 1 | 2 | 4
    ? number
    : number | bigint;
