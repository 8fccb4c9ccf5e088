import { REGION_NAMES } from '../../contract/uapi.js';
import type { FieldBits, RegisterAccess, RegisterDefinition } from '../definition.js';
import { layoutOf } from '../layout.js';

/** A field as an imported file describes it. */
export interface DraftField {
  readonly name: string;
  readonly msb: number;
  readonly lsb: number;
  readonly access: RegisterAccess;
}

/** A register as an imported file describes it. */
export interface DraftRegister {
  /** The names of the blocks that contain the register, and the name of the register. */
  readonly path: readonly string[];
  readonly address: number;
  readonly bits: number;
  readonly access: RegisterAccess;
  readonly fields: readonly DraftField[];
  readonly reset?: bigint | undefined;
  readonly count?: number | undefined;
  readonly stride?: number | undefined;
}

/** The registers of an imported file. */
export interface Draft {
  /** The address of the first byte of the region, in the addresses of the registers. */
  readonly base: number;
  readonly registers: readonly DraftRegister[];
  /** What the format of this library cannot express. */
  readonly warnings: readonly string[];
}

/** The registers of one region, and sentences about registers that were left out or changed. */
export interface Imported {
  readonly region: string;
  readonly registers: ReadonlyMap<string, RegisterDefinition>;
  readonly warnings: readonly string[];
}

/**
 * Makes definitions from a draft.
 *
 * @param base - the address of the first byte of the region. Default: the base of the draft.
 */
export function importDraft(draft: Draft, region: (typeof REGION_NAMES)[number], base?: number) {
  const start = base ?? draft.base;
  const registers = new Map<string, RegisterDefinition>();
  const warnings = [...draft.warnings];
  for (const register of draft.registers) {
    const name = uniqueName(register.path.join('_'), registers);
    try {
      const definition = definitionOf(register, register.address - start);
      layoutOf(name, definition);
      registers.set(name, definition);
    } catch (error) {
      warnings.push(`${register.path.join('.')} is left out: ${(error as Error).message}`);
    }
  }
  return { region, registers, warnings } satisfies Imported;
}

function definitionOf(
  { bits, access, fields, reset, count, stride }: DraftRegister,
  offset: number,
): RegisterDefinition {
  const width = (bits / 8) as RegisterDefinition['width'];
  const list = new Map<string, FieldBits | { bits: FieldBits; access: RegisterAccess }>();
  for (const field of fields) {
    const range: FieldBits = field.msb === field.lsb ? field.lsb : [field.msb, field.lsb];
    const definition = field.access === access ? range : { bits: range, access: field.access };
    list.set(uniqueName(field.name, list), definition);
  }
  return {
    offset,
    width,
    ...(access === 'rw' ? {} : { access }),
    ...(count === undefined ? {} : { count }),
    ...(stride === undefined || stride === width ? {} : { stride }),
    ...(reset === undefined || reset === 0n ? {} : { reset: width === 8 ? reset : Number(reset) }),
    ...(list.size === 0 ? {} : { fields: Object.fromEntries(list) }),
  };
}

/** Makes a name of lower case letters, digits and `_` that is not used yet. */
function uniqueName(text: string, used: ReadonlyMap<string, unknown>): string {
  const plain = text.toLowerCase().replace(/\W+/g, '_');
  const name = /^\d/.test(plain) ? `_${plain}` : plain;
  for (let n = 2, unique = name; ; n++) {
    if (!used.has(unique)) return unique;
    unique = `${name}_${n}`;
  }
}
