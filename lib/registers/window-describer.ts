import { endOfAll } from './block.js';
import { AccessDescriber, type RegisterUse } from './describer.js';
import { parseRegisters } from './file.js';
import { RegisterNames } from './named.js';

/** The registers that a program has defined for a window, in the form of a trace. */
export interface DefinedWindow {
  readonly device: string;
  /** For example `bar0`. */
  readonly region: string;
  /** Bytes from the start of the region to the first byte of the window. */
  readonly offset: number;
  /** A region of a register file. */
  readonly registers: object;
}

interface NamedWindow {
  readonly start: number;
  readonly end: number;
  /** The name of the window: `bar0`, or `bar0+0x180` if the window is a part of the region. */
  readonly name: string;
  readonly describer: AccessDescriber;
}

/**
 * Describes the accesses of a program by the names that the program has defined for the registers of
 * its windows. If several definitions contain a register, the name is that of the first definition.
 */
export class WindowDescriber {
  /** The windows of each region of each device. */
  readonly #windows = new Map<string, NamedWindow[]>();
  readonly #known = new Set<string>();

  /** Adds the registers of a window. @throws TypeError, RangeError if the registers are wrong */
  define({ device, region, offset, registers }: DefinedWindow): void {
    const place = `${device} ${region}`;
    const key = `${place} ${offset} ${JSON.stringify(registers)}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const layouts = parseRegisters(registers);
    const name = offset === 0 ? region : `${region}+0x${offset.toString(16)}`;
    const windows = this.#windows.get(place) ?? [];
    this.#windows.set(place, windows);
    windows.push({
      start: offset,
      end: offset + endOfAll(layouts),
      name,
      describer: new AccessDescriber(new RegisterNames(new Map([[name, layouts]]))),
    });
  }

  /** Returns for example `bar0.cc.en <- 1`, or null if the program has not named the register. */
  describe(use: RegisterUse): string | null {
    for (const { start, end, name, describer } of this.#windows.get(
      `${use.device} ${use.region}`,
    ) ?? []) {
      if (use.offset < start || use.offset >= end) continue;
      const text = describer.describe({ ...use, region: name, offset: use.offset - start });
      if (text !== null) return text;
    }
    return null;
  }
}
