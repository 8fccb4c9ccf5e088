import type { FieldBits, FieldValue } from '../registers/definition.js';
import type { Struct } from './struct.js';

/** An unsigned number of 8 to 64 bits. The types with `be` are big endian, the others little endian. */
export type StructType =
  'u8' | 'u16' | 'u24' | 'u32' | 'u48' | 'u64' | 'u16be' | 'u24be' | 'u32be' | 'u48be' | 'u64be';

/** A structure that {@link defineStruct} has made, with any members. */
export type AnyStruct = Pick<Struct, 'name' | 'size'>;

/** Bit fields of a number by name. */
type Fields = Readonly<Record<string, FieldBits>>;

/** The place of a member. */
interface Place {
  /**
   * Bytes from the start of the structure, at or after the end of the member before. Default: the end
   * of the member before.
   */
  readonly offset?: number | undefined;
}

/**
 * A member of a structure: a number, another structure, an array of one of them, or a number with
 * bit fields.
 */
export type StructMember =
  | StructType
  | AnyStruct
  | (Place & { readonly type: StructType | AnyStruct; readonly count?: number | undefined })
  | (Place & { readonly type: StructType; readonly fields: Fields });

/** The members of a structure by name, in the order of their offsets. */
export type StructMembers = Readonly<Record<string, StructMember>>;

/** The type of a number: a bigint if the number has more than 32 bits. */
type NumberOf<T extends StructType> = T extends 'u48' | 'u48be' | 'u64' | 'u64be' ? bigint : number;

/** An array of numbers, or of structures, in a structure. */
export interface StructArray<V = number | bigint> {
  /** Number of elements. */
  readonly length: number;
  /** @throws RangeError if the array has no such element */
  at(index: number): V;
  /** Iterates over the elements. */
  [Symbol.iterator](): Generator<V, void, undefined>;
}

/** An array of numbers in a structure. */
export interface StructNumberArray<
  V extends number | bigint = number | bigint,
> extends StructArray<V> {
  /** @throws RangeError if the array has no such element, or the value does not fit */
  set(index: number, value: V): void;
}

/** A number with bit fields. */
export type StructFields<T extends StructType, F extends Fields> = {
  -readonly [K in keyof F]: FieldValue<F[K]>;
} & {
  /** The number that contains the fields. */
  value: NumberOf<T>;
};

/**
 * Selects a type by the kind of a member: N for a number, A for an array of numbers, F for a number
 * with fields, S for a structure, and SA for an array of structures.
 */
type Select<M extends StructMember, N, A, F, S, SA> = M extends StructType
  ? N
  : M extends AnyStruct
    ? S
    : M extends { readonly fields: Fields }
      ? F
      : M extends { readonly type: StructType; readonly count: number }
        ? A
        : M extends { readonly type: StructType }
          ? N
          : M extends { readonly count: number }
            ? SA
            : S;

/** The type of the numbers of a member. */
type TypeOf<M extends StructMember> = M extends StructType
  ? M
  : M extends { readonly type: infer T extends StructType }
    ? T
    : never;

/** The members of the structure that a member is. */
type MembersOf<M extends StructMember> =
  M extends Struct<infer S> ? S : M extends { readonly type: Struct<infer S> } ? S : never;

type MemberFields<M extends StructMember> = M extends { readonly fields: infer F extends Fields }
  ? F
  : never;

/** The accessor of a member. */
type Accessor<M extends StructMember> = Select<
  M,
  NumberOf<TypeOf<M>>,
  TypeOf<M> extends 'u8' ? Uint8Array : StructNumberArray<NumberOf<TypeOf<M>>>,
  StructFields<TypeOf<M>, MemberFields<M>>,
  StructView<MembersOf<M>>,
  StructArray<StructView<MembersOf<M>>>
>;

/** The names of the members that are plain numbers. */
type NumberNames<S extends StructMembers> = keyof {
  [K in keyof S as Select<S[K], K, never, never, never, never>]: never;
};

/** Copies of the members. */
export type StructCopy<S extends StructMembers> = {
  readonly [K in keyof S]: Select<
    S[K],
    NumberOf<TypeOf<S[K]>>,
    readonly NumberOf<TypeOf<S[K]>>[],
    Readonly<StructFields<TypeOf<S[K]>, MemberFields<S[K]>>>,
    StructCopy<MembersOf<S[K]>>,
    readonly StructCopy<MembersOf<S[K]>>[]
  >;
};

/**
 * Values of members. A number with bit fields is the number, or an object with some of the fields.
 * An array can be shorter than its member.
 */
export type StructValues<S extends StructMembers> = {
  readonly [K in keyof S]?:
    | Select<
        S[K],
        NumberOf<TypeOf<S[K]>>,
        Iterable<NumberOf<TypeOf<S[K]>>>,
        | NumberOf<TypeOf<S[K]>>
        | {
            readonly [F in keyof MemberFields<S[K]>]?:
              FieldValue<MemberFields<S[K]>[F]> | undefined;
          },
        StructValues<MembersOf<S[K]>>,
        Iterable<StructValues<MembersOf<S[K]>>>
      >
    | undefined;
};

/** A structure in memory. Each access of a member reads or writes the memory. */
export type StructView<S extends StructMembers> = {
  -readonly [K in keyof S as K extends NumberNames<S> ? K : never]: Accessor<S[K]>;
} & {
  readonly [K in keyof S as K extends NumberNames<S> ? never : K]: Accessor<S[K]>;
} & {
  /** Returns a copy of all members. */
  read(): StructCopy<S>;
  /**
   * Writes the whole structure. Members, fields and elements that `values` does not contain become 0.
   * Wrong values throw before anything is written.
   *
   * @throws TypeError for an unknown member, an unknown field or a value of a wrong type
   * @throws RangeError for a value that does not fit, and for an array that is too long
   * @example
   * descriptor.on(ring, 32).write({ opcode: 1, flags: { interrupt: 1 }, source: [buffer.iova] });
   */
  write(values: StructValues<S>): void;
};
