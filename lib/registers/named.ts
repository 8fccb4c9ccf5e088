import { didYouMean } from '../checks.js';
import { bigintCodec, type FieldCodec, numberCodec } from './fields.js';
import type { RegisterFile } from './file.js';
import type { FieldLayout, RegisterLayout } from './layout.js';

/** A register, or a part of a register, at its place in a region. */
export interface NamedRegister {
  /** For example `bar0.cc`, `bar0.doorbell[3]`, or `bar0.asq[31:0]` for a part of a register. */
  readonly name: string;
  readonly region: string;
  /** Bytes from the start of the region. */
  readonly offset: number;
  readonly layout: RegisterLayout;
}

/** Finds the registers of a file by their names and by their offsets. */
export class RegisterNames {
  readonly #regions: RegisterFile;
  readonly #found = new Map<string, NamedRegister | undefined>();

  constructor(regions: RegisterFile) {
    this.#regions = regions;
  }

  /** The names of the regions. */
  get regions(): readonly string[] {
    return [...this.#regions.keys()];
  }

  /** Returns the layouts of a region. */
  layouts(region: string): readonly RegisterLayout[] {
    return this.#regions.get(region) ?? [];
  }

  /**
   * Finds a register by its name, or all registers of an array.
   *
   * @param name - for example `bar0.cc`, `bar0.doorbell` or `bar0.doorbell[3]`
   * @throws RangeError if the file does not contain the name
   */
  find(name: string): readonly NamedRegister[] {
    const [, region = '', own = '', index] = /^(\w+)\.(\w+)(?:\[(\d+)\])?$/.exec(name) ?? [];
    const layout = this.layouts(region).find((one) => one.name === own);
    if (layout === undefined) {
      const known = [...this.#regions].flatMap(([key, list]) =>
        list.map((one) => `${key}.${one.name}`),
      );
      throw new RangeError(`no register is named '${name}'${didYouMean(name, known)}`);
    }
    if (index === undefined) {
      const indexes = layout.count === null ? [null] : Array(layout.count).keys();
      return Array.from(indexes, (i) => placeOf(region, layout, i));
    }
    if (Number(index) >= (layout.count ?? 0)) {
      const bound = layout.count === null ? 'not an array' : `${layout.count} registers`;
      throw new RangeError(`${region}.${own} is ${bound}: '${name}' does not exist`);
    }
    return [placeOf(region, layout, Number(index))];
  }

  /**
   * Returns the register that an access reads or writes. If the access is narrower than the register,
   * the result is a part of the register. An access to several registers has no name.
   */
  at(region: string, offset: number, width: number): NamedRegister | undefined {
    const key = `${region} ${offset} ${width}`;
    if (this.#found.has(key)) return this.#found.get(key);
    const found = this.#search(region, offset, width);
    this.#found.set(key, found);
    return found;
  }

  #search(region: string, offset: number, width: number): NamedRegister | undefined {
    for (const layout of this.layouts(region)) {
      const { count, stride } = layout;
      const index = count === null ? null : Math.floor((offset - layout.offset) / stride);
      if (index !== null && (index < 0 || index >= (count ?? 0))) continue;
      const register = placeOf(region, layout, index);
      const start = offset - register.offset;
      if (start < 0 || start + width > layout.width) continue;
      return width === layout.width ? register : partOf(register, start, width);
    }
    return undefined;
  }
}

function placeOf(region: string, layout: RegisterLayout, index: number | null): NamedRegister {
  const name = `${region}.${layout.name}`;
  if (index === null) return { name, region, offset: layout.offset, layout };
  const offset = layout.offset + index * layout.stride;
  return { name: `${name}[${index}]`, region, offset, layout };
}

/** Returns some bytes of a register, with the fields that are completely within these bytes. */
function partOf(register: NamedRegister, start: number, width: number): NamedRegister {
  const lowest = 8 * start;
  const end = lowest + 8 * width;
  const fields = new Map<string, FieldLayout>();
  for (const [name, field] of register.layout.fields) {
    if (field.lsb < lowest || field.lsb + field.size > end) continue;
    fields.set(name, { ...field, lsb: field.lsb - lowest });
  }
  return {
    ...register,
    name: `${register.name}[${end - 1}:${lowest}]`,
    offset: register.offset + start,
    layout: { ...register.layout, width: width as RegisterLayout['width'], fields },
  };
}

const codecs = new WeakMap<RegisterLayout, FieldCodec<bigint>>();

/** Returns the codec of a register, for values of any width. */
export function codecOf(layout: RegisterLayout): FieldCodec<bigint> {
  let codec = codecs.get(layout);
  if (codec === undefined) codecs.set(layout, (codec = createCodec(layout)));
  return codec;
}

function createCodec(layout: RegisterLayout): FieldCodec<bigint> {
  if (layout.width === 8) return bigintCodec(layout);
  const codec = numberCodec(layout);
  return {
    decode: (value) => codec.decode(Number(value)),
    encode: (values) => BigInt(codec.encode(values)),
    replace: (value, values) => BigInt(codec.replace(Number(value), values)),
    matches: (value, values) => codec.matches(Number(value), values),
  };
}
