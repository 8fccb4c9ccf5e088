import { checkFunction, checkInteger } from '../../../checks.js';
import { checkValues, type FieldCodec, type Values } from '../../../registers/fields.js';
import type { RegisterLayout } from '../../../registers/layout.js';
import type { Register, RegisterPlace } from './model.js';
import type { Rules } from './register-rules.js';

/** The state of a register, or of an array of registers. */
export interface RegisterState {
  /** The object by which the device uses the register. */
  readonly accessor: object;
  /** The registers as the mock uses them. */
  readonly registers: readonly Register[];
  reset(): void;
}

/**
 * Creates the state of a register. The state consists of functions and not of a class, because
 * objects of a class take longer to create, and a device can have thousands of registers.
 *
 * @param place - the name, and the offset in the BAR. The offset of the layout is counted from the
 *   start of the block.
 */
export function createState<V extends number | bigint>(
  layout: RegisterLayout,
  { name, offset }: RegisterPlace,
  rules: Rules<V>,
  codec: FieldCodec<V>,
): RegisterState {
  const { width, count, stride } = layout;
  const length = count ?? 1;
  // The layout has checked that the type fits the width.
  const initial = layout.reset as V;
  const values = Array<V>(length).fill(initial);
  let written: ((value: V, before: V, index: number) => void) | undefined;
  let replacesRead: ((index: number) => V) | undefined;

  const change = (index: number, before: V, value: V): void => {
    values[index] = value;
    written?.(value, before, index);
  };
  const registerAt = (index: number): Register => {
    const register = {
      offset: offset + index * stride,
      name: count === null ? name : `${name}[${index}]`,
      width,
      read: () =>
        replacesRead === undefined ? rules.read(values[index] ?? initial) : replacesRead(index),
      write: (value: V, bytes: number) => {
        const before = values[index] ?? initial;
        change(index, before, rules.write(before, value, bytes));
      },
    };
    if (width !== 8) return register as unknown as Register;
    const writeHigh = (value: number, bytes: number) => {
      const before = values[index] ?? initial;
      change(index, before, rules.writeHigh(before, value, bytes));
    };
    return { ...register, writeHigh } as unknown as Register;
  };
  const listeners = {
    onWrite(listener: NonNullable<typeof written>): void {
      checkFunction(listener, 'listener');
      written = listener;
    },
    onRead(listener: NonNullable<typeof replacesRead>): void {
      checkFunction(listener, 'listener');
      replacesRead = listener;
    },
  };
  const elementAt = (index: number) => ({
    get value(): V {
      return values[index] ?? initial;
    },
    set value(value: V) {
      values[index] = rules.store(value, name);
    },
    read: () => codec.decode(values[index] ?? initial),
    update(fields: Values): void {
      checkValues(layout, fields);
      values[index] = replaceAll(layout, values[index] ?? initial, fields);
    },
    ...listeners,
  });
  const array = {
    length,
    at(index: number) {
      checkInteger(index, `the index of register ${name}`, 0, length - 1);
      return elementAt(index);
    },
    ...listeners,
  };
  return {
    accessor: count === null ? elementAt(0) : array,
    registers: Array.from({ length }, (_, index) => registerAt(index)),
    reset() {
      values.fill(initial);
    },
  };
}

/** Replaces fields. The device can set fields with any access. */
function replaceAll<V extends number | bigint>(
  { fields }: RegisterLayout,
  value: V,
  given: Values,
): V {
  let result = BigInt(value);
  for (const [name, bits] of Object.entries(given)) {
    const field = fields.get(name);
    if (field === undefined || bits === undefined) continue;
    const mask = ((1n << BigInt(field.size)) - 1n) << BigInt(field.lsb);
    result = (result & ~mask) | (BigInt(bits) << BigInt(field.lsb));
  }
  return (typeof value === 'bigint' ? result : Number(result)) as V;
}
