import { didYouMean } from '../checks.js';
import { type EntryLayout, isBlock } from './block.js';
import { bigintCodec, type FieldCodec, numberCodec } from './fields.js';
import type { RegisterFile } from './file.js';
import type { FieldLayout, RegisterLayout } from './layout.js';

/** Number of registers that a name without indexes means at most, as many as an array can have. */
const MAX_FOUND = 2 ** 20;

/** A register, or a part of a register, at its place in a region. */
export interface NamedRegister {
  /**
   * For example `bar0.cc`, `bar0.doorbell[3]` or `bar0.port[3].cmd`. A part of a register is for
   * example `bar0.asq[31:0]`.
   */
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
  layouts(region: string): readonly EntryLayout[] {
    return this.#regions.get(region) ?? [];
  }

  /**
   * Finds a register by its name, or all registers that have the name without indexes.
   *
   * @param name - for example `bar0.cc`, `bar0.doorbell`, `bar0.doorbell[3]` or `bar0.port[3].cmd`
   * @throws RangeError if the file does not contain the name
   */
  find(name: string): readonly NamedRegister[] {
    const [region = '', ...steps] = name.split('.');
    let elements: Element[] = [];
    let entries = [this.layouts(region)];
    for (const [depth, step] of steps.entries()) {
      const [, own = '', index] = /^(\w+)(?:\[(\d+)\])?$/.exec(step) ?? [];
      const outer = depth === 0 ? [{ name: region, offset: 0 }] : elements;
      elements = outer.flatMap((owner, i) => {
        const layout = entries[i]?.find((entry) => entry.name === own);
        if (layout === undefined) return [];
        if (index === undefined && outer.length * (layout.count ?? 1) > MAX_FOUND) {
          throw new RangeError(`${name} means more than ${MAX_FOUND} registers: give an index`);
        }
        return elementsOf(layout, owner, index, name);
      });
      entries = elements.map(({ layout }) => (isBlock(layout) ? layout.registers : []));
    }
    const [first] = elements;
    if (first === undefined) {
      const known = this.regions.flatMap((key) => namesOf(this.layouts(key), key));
      const plain = name.replaceAll(/\[\d+\]/g, '');
      throw new RangeError(`no register is named '${name}'${didYouMean(plain, known)}`);
    }
    if (isBlock(first.layout)) {
      const inner = first.layout.registers.map((entry) => entry.name).join(', ');
      throw new RangeError(
        `${name} is a block: give the name of a register of the block: ${inner}`,
      );
    }
    return elements.flatMap((element) => registerOf(element, region) ?? []);
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
    const found = elementAt(this.layouts(region), { name: region, offset: 0 }, offset, width);
    const register = found && registerOf(found, region);
    if (register === undefined || register.layout.width === width) return register;
    return partOf(register, offset - register.offset, width);
  }
}

/** The name of a region, a block or a register, and its bytes from the start of the region. */
interface Owner {
  readonly name: string;
  readonly offset: number;
}

/** A register or a block at its place. An array consists of several elements. */
interface Element extends Owner {
  readonly layout: EntryLayout;
}

/** @param index - the index of the element, or null if the entry is not an array */
function elementOf(layout: EntryLayout, owner: Owner, index: number | null): Element {
  const name = `${owner.name}.${layout.name}`;
  const offset = owner.offset + layout.offset;
  if (index === null) return { name, offset, layout };
  return { name: `${name}[${index}]`, offset: offset + index * layout.stride, layout };
}

/** Returns the element with an index, or all elements. @param asked - the name, for errors */
function elementsOf(
  layout: EntryLayout,
  owner: Owner,
  index: string | undefined,
  asked: string,
): Element[] {
  const { count } = layout;
  if (index === undefined) {
    const indexes = count === null ? [null] : Array(count).keys();
    return Array.from(indexes, (i) => elementOf(layout, owner, i));
  }
  if (Number(index) >= (count ?? 0)) {
    const kind = isBlock(layout) ? 'blocks' : 'registers';
    const bound = count === null ? 'not an array' : `${count} ${kind}`;
    throw new RangeError(`${owner.name}.${layout.name} is ${bound}: '${asked}' does not exist`);
  }
  return [elementOf(layout, owner, Number(index))];
}

/** Finds the register that contains the bytes of an access. */
function elementAt(
  entries: readonly EntryLayout[],
  owner: Owner,
  offset: number,
  width: number,
): Element | undefined {
  for (const layout of entries) {
    const { count, stride } = layout;
    const start = offset - owner.offset - layout.offset;
    const index = count === null ? null : Math.floor(start / stride);
    if (start < 0 || (index !== null && index >= (count ?? 0))) continue;
    const element = elementOf(layout, owner, index);
    if (isBlock(layout)) {
      const found = elementAt(layout.registers, element, offset, width);
      if (found !== undefined) return found;
    } else if (offset + width <= element.offset + layout.width) return element;
  }
  return undefined;
}

function registerOf({ name, offset, layout }: Element, region: string): NamedRegister | undefined {
  return isBlock(layout) ? undefined : { name, region, offset, layout };
}

/** Returns the names of all registers, without indexes. */
function namesOf(entries: readonly EntryLayout[], owner: string): string[] {
  return entries.flatMap((entry) => {
    const name = `${owner}.${entry.name}`;
    return isBlock(entry) ? namesOf(entry.registers, name) : [name];
  });
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
