import { checkMethods, checkRecord } from '../checks.js';
import { type NameableWindow, NAME_REGISTERS } from '../contract/register-names.js';
import type { RegisterWindow } from '../contract/window.js';
import { registerAt } from './accesses.js';
import { createArray, type RegisterArray } from './array.js';
import { endOf, type EntryLayout, entryLayouts, isBlock } from './block.js';
import type { BlockDefinition, RegisterDefinition, RegisterDefinitions } from './definition.js';
import { definitionOf, fileEntry } from './file-entry.js';
import { checkName } from './layout.js';
import type { RegisterAccessor } from './register.js';

/** The registers of a window or of a block by name. */
export type RegisterAccessors<T extends RegisterDefinitions> = {
  readonly [K in keyof T]: T[K] extends { readonly count: number }
    ? RegisterArray<EntryAccessor<T[K]>>
    : EntryAccessor<T[K]>;
};

/** A register, or the registers of a block. */
export type EntryAccessor<E extends RegisterDefinition | BlockDefinition> =
  E extends BlockDefinition
    ? RegisterAccessors<E['registers']>
    : E extends RegisterDefinition
      ? RegisterAccessor<E>
      : never;

/** Creates the {@link RegisterMap} of checked definitions. */
export let createMap: <T extends RegisterDefinitions>(
  name: string,
  layouts: readonly EntryLayout[],
) => RegisterMap<T>;

/** Returns the layouts of a {@link RegisterMap}. */
export let layoutsOf: <T extends RegisterDefinitions>(
  map: RegisterMap<T>,
) => readonly EntryLayout[];

/** Checked definitions of registers. Made by {@link defineRegisters}. */
export class RegisterMap<T extends RegisterDefinitions = RegisterDefinitions> {
  /** The name of the map, for error messages. */
  readonly name: string;
  readonly #layouts: readonly EntryLayout[];

  static {
    createMap = (name, layouts) => new RegisterMap(name, layouts);
    layoutsOf = (map) => map.#layouts;
  }

  private constructor(name: string, layouts: readonly EntryLayout[]) {
    this.name = name;
    this.#layouts = layouts;
  }

  /**
   * Returns accessors for the registers of a window. No register is accessed. The type of the result
   * is `ReturnType<typeof map.on>`.
   *
   * @throws TypeError if `window` is not a window
   * @throws RangeError if a register or a block is not within the window
   */
  on(window: RegisterWindow): RegisterAccessors<T> {
    if (typeof (window as { map?: unknown } | undefined)?.map === 'function') {
      throw new TypeError('window must be a RegisterWindow, not a region: pass region.map()');
    }
    checkMethods(window, 'window', 'RegisterWindow', ['read32', 'write32']);
    for (const layout of this.#layouts) {
      const name = `${this.name}.${layout.name}`;
      const end = endOf(layout);
      if (end <= window.size) continue;
      const what = isBlock(layout) ? 'block' : 'register';
      throw new RangeError(
        `${what} ${name} ends at byte ${end}, but the window has ${window.size} bytes`,
      );
    }
    (window as NameableWindow)[NAME_REGISTERS]?.(this);
    // The definition gives the types.
    return accessorsOf(window, this.#layouts, this.name, 0) as RegisterAccessors<T>;
  }

  /**
   * Returns the registers as a region of a register file contains the registers. `JSON.stringify`
   * calls this method.
   *
   * @example
   * writeFileSync('nvme.registers.json', JSON.stringify({ regions: { bar0: nvme } }));
   */
  toJSON(): Readonly<Record<string, object>> {
    return Object.fromEntries(
      this.#layouts.map((layout) => [layout.name, fileEntry(definitionOf(layout))]),
    );
  }
}

/** Returns the registers of a block. @param base - the offset of the block in the window */
function accessorsOf(
  window: RegisterWindow,
  layouts: readonly EntryLayout[],
  owner: string,
  base: number,
): object {
  const registers = layouts.map((layout) => {
    const name = `${owner}.${layout.name}`;
    const { offset, count, stride } = layout;
    const create = (name: string, at: number) =>
      isBlock(layout)
        ? accessorsOf(window, layout.registers, name, at)
        : registerAt(window, layout, name, at);
    const accessor =
      count === null
        ? create(name, base + offset)
        : createArray(`the index of register ${name}`, count, (i) =>
            create(`${name}[${i}]`, base + offset + i * stride),
          );
    return [layout.name, accessor] as const;
  });
  // V8 stores the object of Object.create(null) as a hash table, and each access is slower.
  return Object.freeze(Object.setPrototypeOf(Object.fromEntries(registers), null) as object);
}

/**
 * Defines the registers of a device by name. The definition also gives the types: a field of up to
 * 32 bits is a number, and a larger field is a bigint.
 *
 * @param name - the name of the map, for error messages
 * @throws TypeError for a wrong type, an unknown property or an unknown access
 * @throws RangeError for an offset that is not aligned, and for fields that overlap or exceed their
 *   register
 * @example
 * const nvme = defineRegisters('nvme', {
 *   cc: { offset: 0x14, width: 4, fields: { en: 0, iosqes: [19, 16], iocqes: [23, 20] } },
 *   csts: { offset: 0x1c, width: 4, access: 'ro', fields: { rdy: 0, cfs: 1 } },
 *   sqtdbl: { offset: 0x1000, width: 4, access: 'wo', count: 64, stride: 8 },
 * });
 * const regs = nvme.on(device.bar(0).map());
 * regs.cc.write({ en: 1, iosqes: 6, iocqes: 4 });
 * await regs.csts.until({ rdy: 1 }, { timeout: 500 });
 * regs.sqtdbl.at(1).value = 5;
 * @example
 * const ahci = defineRegisters('ahci', {
 *   port: {
 *     offset: 0x100,
 *     count: 32,
 *     stride: 0x80,
 *     registers: { cmd: { offset: 0x18, width: 4, fields: { st: 0, fre: 4 } } },
 *   },
 * });
 * ahci.on(window).port.at(3).cmd.update({ st: 1 });
 */
export function defineRegisters<const T extends RegisterDefinitions>(
  name: string,
  definitions: T,
): RegisterMap<T> {
  checkName(name, 'the name of a register map');
  checkRecord(definitions, 'the definitions');
  return createMap<T>(name, entryLayouts(definitions));
}
