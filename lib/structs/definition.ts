import type { FieldBits, FieldValue } from '../registers/definition.js';

/** An unsigned number of 8 to 64 bits. The types with `be` are big endian, the others little endian. */
export type StructType = 'u8' | 'u16' | 'u32' | 'u64' | 'u16be' | 'u32be' | 'u64be';

/** A member of a structure: a number, an array of numbers, or a number with bit fields. */
export type StructMember =
  | StructType
  | { readonly type: StructType; readonly count: number }
  | { readonly type: StructType; readonly fields: Readonly<Record<string, FieldBits>> };

/** The members of a structure by name, in the order of their offsets, without gaps. */
export type StructMembers = Readonly<Record<string, StructMember>>;

/** The type of a number: a bigint if the number has 64 bits. */
type NumberOf<T extends StructType> = T extends 'u64' | 'u64be' ? bigint : number;

/** An array of numbers in a structure. */
export interface StructArray<V extends number | bigint = number | bigint> {
  /** Number of elements. */
  readonly length: number;
  /** @throws RangeError if the array has no such element */
  at(index: number): V;
  /** @throws RangeError if the array has no such element, or the value does not fit */
  set(index: number, value: V): void;
  /** Iterates over the elements. */
  [Symbol.iterator](): Generator<V, void, undefined>;
}

/** A number with bit fields. */
export type StructFields<T extends StructType, F extends Readonly<Record<string, FieldBits>>> = {
  -readonly [K in keyof F]: FieldValue<F[K]>;
} & {
  /** The number that contains the fields. */
  value: NumberOf<T>;
};

/** The accessor of a member. */
type MemberOf<M extends StructMember> = M extends StructType
  ? NumberOf<M>
  : M extends { readonly type: infer T extends StructType; readonly count: number }
    ? T extends 'u8'
      ? Uint8Array
      : StructArray<NumberOf<T>>
    : M extends {
          readonly type: infer T extends StructType;
          readonly fields: infer F extends Readonly<Record<string, FieldBits>>;
        }
      ? StructFields<T, F>
      : never;

/** A structure in memory. Each access of a member reads or writes the memory. */
export type StructView<S extends StructMembers> = {
  -readonly [K in keyof S as S[K] extends StructType ? K : never]: MemberOf<S[K]>;
} & {
  readonly [K in keyof S as S[K] extends StructType ? never : K]: MemberOf<S[K]>;
} & {
  /** Returns a copy of all members. */
  read(): Readonly<Record<keyof S, unknown>>;
};
