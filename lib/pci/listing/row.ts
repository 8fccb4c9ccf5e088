import { checkString } from '../../checks.js';
import { bits, u16, u32, u8 } from '../bytes.js';

/**
 * Reads vital product data through the registers of the VPD capability.
 *
 * @returns null if the device returns no data
 */
export type VpdReader = (address: number, length: number) => Uint8Array | null;

/**
 * The decoded text of one capability in the format of lspci: a headline, and the lines below the
 * headline.
 */
export interface Listed {
  readonly title: string;
  /** Each label is followed by a space. A continuation line begins with two spaces. */
  readonly lines: readonly string[];
}

/** The properties of a device that are needed to decode a capability. */
export interface Surroundings {
  /**
   * The field Device/Port Type of the PCI Express capability; null if the function does not have
   * this capability.
   */
  readonly portType: number | null;
  /** A function that reads vital product data; null if only configuration space can be read. */
  readonly vpd: VpdReader | null;
}

/**
 * A capability in an image of configuration space. The offsets for the read methods are relative to
 * the start of the capability.
 */
export class Place implements Surroundings {
  readonly portType: number | null;
  readonly vpd: VpdReader | null;
  #pastEnd = false;

  constructor(
    readonly config: Uint8Array,
    readonly offset: number,
    { portType, vpd }: Surroundings,
  ) {
    this.portType = portType;
    this.vpd = vpd;
  }

  /** Whether at least one read went past the end of the image. */
  get pastEnd(): boolean {
    return this.#pastEnd;
  }

  /** Whether the image contains the byte. Otherwise counts as a read past the end. */
  has(offset: number): boolean {
    this.u8(offset);
    return this.offset + offset < this.config.length;
  }

  u8(offset: number): number {
    return u8(this.config, this.#at(offset, 1));
  }

  u16(offset: number): number {
    return u16(this.config, this.#at(offset, 2));
  }

  u32(offset: number): number {
    return u32(this.config, this.#at(offset, 4));
  }

  #at(offset: number, width: number): number {
    const at = this.offset + offset;
    if (at + width > this.config.length) this.#pastEnd = true;
    return at;
  }
}

/** A function that decodes one kind of capability. */
export type Lister = (place: Place) => Listed;

/**
 * Formats each flag with the sign `+` or `-`. For example, `signs(5, { Mem: 0, IO: 1 })` returns
 * `'Mem+ IO-'`.
 */
export function signs(value: number, names: Readonly<Record<string, number>>): string {
  return Object.entries(names)
    .map(([name, bit]) => `${name}${sign(value, bit)}`)
    .join(' ');
}

export function sign(value: number, bit: number): '+' | '-' {
  return bits(value, bit) === 1 ? '+' : '-';
}

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/**
 * Returns the name of a register value. If the value has no name, the result contains the value as
 * a number.
 */
export function choice(names: readonly string[], value: number): string {
  return names[value] ?? `??${value}`;
}

/** Formats two 32-bit registers as one 64-bit number. */
export function hex64(high: number, low: number): string {
  return hex(high, 8) + hex(low, 8);
}

/**
 * Parses the flags in a line of text. For example, the text `'Mem+ IO-'` gives `{ Mem: true, IO:
 * false }`.
 */
export function flagsOf(line: string): Record<string, boolean> {
  checkString(line, 'line');
  const found = line.matchAll(/([^\s,;:()]+?):?([+-])(?=[\s,;)]|$)/g);
  return Object.fromEntries([...found].map(([, name = '', mark]) => [name, mark === '+']));
}
