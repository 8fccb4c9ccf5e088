import { bits, u16, u32, u8 } from '../bytes.js';

/**
 * Reads what is behind the address register of a VPD capability.
 *
 * @returns null where the device gives nothing
 */
export type VpdReader = (address: number, length: number) => Uint8Array | null;

/** What one capability says: its headline, and the lines below, as lspci writes them. */
export interface Listed {
  readonly title: string;
  /** Labels are followed by a space; lines that go on begin with two. */
  readonly lines: readonly string[];
}

/** What a device's capabilities have in common. */
export interface Surroundings {
  /** Device/Port Type of the PCI Express capability, or null where there is none. */
  readonly portType: number | null;
  /** Null where only configuration space is there. */
  readonly vpd: VpdReader | null;
}

/** A capability of a device, ready to be read. */
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

  /** Whether something was read that the image has not. */
  get pastEnd(): boolean {
    return this.#pastEnd;
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

/** Decodes one kind of capability. */
export type Lister = (place: Place) => Listed;

/** Flags with their sign: `signs(5, { Mem: 0, IO: 1 })` is `'Mem+ IO-'`. */
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

/** Two registers of 32 bits as one number. */
export function hex64(high: number, low: number): string {
  return hex(high, 8) + hex(low, 8);
}

/** The flags of a line, back from its text: `{ Mem: true, IO: false }`. */
export function flagsOf(line: string): Record<string, boolean> {
  const found = line.matchAll(/([^\s,;:()]+?):?([+-])(?=[\s,;)]|$)/g);
  return Object.fromEntries([...found].map(([, name = '', mark]) => [name, mark === '+']));
}
