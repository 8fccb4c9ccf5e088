import { checkFunction, checkInteger } from '../../../checks.js';
import { checkValues, type FieldCodec, type Values } from '../../../registers/fields.js';
import type { RegisterLayout } from '../../../registers/layout.js';
import type { Register } from './model.js';
import type { Rules } from './register-rules.js';

/** Functions that the device runs at the accesses of a driver. */
export interface Listeners<V extends number | bigint> {
  onWrite(listener: (value: V, before: V, index: number) => void): void;
  onRead(listener: (index: number) => V): void;
}

/** The state of one register. */
export interface Element<V extends number | bigint> {
  value: V;
  read(): Values;
  update(values: Values): void;
}

/** The state of a register, or of an array of registers. */
export class RegisterState<V extends number | bigint> implements Listeners<V> {
  readonly layout: RegisterLayout;
  readonly #rules: Rules<V>;
  readonly #codec: FieldCodec<V>;
  readonly #reset: V;
  readonly #values: V[];
  #written: ((value: V, before: V, index: number) => void) | undefined;
  #read: ((index: number) => V) | undefined;

  constructor(layout: RegisterLayout, rules: Rules<V>, codec: FieldCodec<V>) {
    this.layout = layout;
    this.#rules = rules;
    this.#codec = codec;
    // The layout has checked that the type fits the width.
    this.#reset = layout.reset as V;
    this.#values = Array.from({ length: layout.count ?? 1 }, () => this.#reset);
  }

  readonly onWrite = (listener: (value: V, before: V, index: number) => void): void => {
    checkFunction(listener, 'listener');
    this.#written = listener;
  };

  readonly onRead = (listener: (index: number) => V): void => {
    checkFunction(listener, 'listener');
    this.#read = listener;
  };

  reset(): void {
    this.#values.fill(this.#reset);
  }

  /** Returns the state of one register. */
  readonly at = (index: number): Element<V> => {
    const { layout } = this;
    checkInteger(index, `the index of register ${layout.name}`, 0, this.#values.length - 1);
    const [values, rules, codec] = [this.#values, this.#rules, this.#codec];
    const get = () => this.#at(index);
    return {
      get value() {
        return get();
      },
      set value(value: V) {
        values[index] = rules.store(value, `the value of register ${layout.name}`);
      },
      read: () => codec.decode(get()),
      update(given) {
        checkValues(layout, given);
        values[index] = replaceAll(layout, get(), given);
      },
    };
  };

  /** Returns the registers as the mock uses them. */
  registers(): Register[] {
    const { name, offset, width, count, stride } = this.layout;
    return Array.from({ length: count ?? 1 }, (_, index) => {
      const place = {
        name: count === null ? name : `${name}[${index}]`,
        offset: offset + index * stride,
        read: () => this.#readAt(index),
        write: (value: V, bytes: number) => {
          this.#change(index, this.#rules.write(this.#at(index), value, bytes));
        },
      };
      const writeHigh = (value: number, bytes: number) => {
        this.#change(index, this.#rules.writeHigh(this.#at(index), value, bytes));
      };
      // The width gives the type of the value.
      return (width === 8 ? { ...place, width, writeHigh } : { ...place, width }) as unknown as Register;
    });
  }

  #at(index: number): V {
    return this.#values[index] ?? this.#reset;
  }

  #readAt(index: number): V {
    return this.#read === undefined ? this.#rules.read(this.#at(index)) : this.#read(index);
  }

  #change(index: number, value: V): void {
    const before = this.#at(index);
    this.#values[index] = value;
    this.#written?.(value, before, index);
  }
}

/** Replaces fields of any access: the device can set each field. */
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
