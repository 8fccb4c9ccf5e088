import { REGION_NAMES } from '../../contract/uapi.js';
import { entryOf } from '../block.js';
import type {
  BlockDefinition,
  FieldBits,
  RegisterAccess,
  RegisterDefinition,
} from '../definition.js';

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

/** An array of blocks as an imported file describes it. */
export interface DraftBlock {
  /** The names of the outer blocks, and the name of this block. */
  readonly path: readonly string[];
  readonly address: number;
  readonly count: number;
  readonly stride: number;
  /** The registers of the first block. Their paths and addresses begin in the block. */
  readonly entries: readonly DraftEntry[];
}

export type DraftEntry = DraftRegister | DraftBlock;

/** The registers of an imported file. */
export interface Draft {
  /** The address of the first byte of the region, in the addresses of the registers. */
  readonly base: number;
  readonly entries: readonly DraftEntry[];
  /** What the format of this library cannot express. */
  readonly warnings: readonly string[];
}

/** The registers of one region, and sentences about registers that were left out or changed. */
export interface Imported {
  readonly region: string;
  readonly registers: ReadonlyMap<string, RegisterDefinition | BlockDefinition>;
  readonly warnings: readonly string[];
}

/**
 * Makes definitions from a draft.
 *
 * @param base - the address of the first byte of the region. Default: the base of the draft.
 */
export function importDraft(draft: Draft, region: (typeof REGION_NAMES)[number], base?: number) {
  const warnings = [...draft.warnings];
  const registers = definitionsOf(draft.entries, base ?? draft.base, '', warnings);
  return { region, registers, warnings } satisfies Imported;
}

/**
 * Makes the definitions of a region or of a block.
 *
 * @param start - the address of the first byte
 * @param owner - the path of the block with a dot, for warnings
 */
function definitionsOf(
  entries: readonly DraftEntry[],
  start: number,
  owner: string,
  warnings: string[],
): Map<string, RegisterDefinition | BlockDefinition> {
  const definitions = new Map<string, RegisterDefinition | BlockDefinition>();
  for (const entry of entries) {
    const name = uniqueName(entry.path.join('_'), definitions);
    const what = owner + entry.path.join('.');
    const offset = entry.address - start;
    try {
      const definition =
        'entries' in entry
          ? blockOf(entry, offset, `${what}.`, warnings)
          : definitionOf(entry, offset);
      entryOf(name, definition);
      definitions.set(name, definition);
    } catch (error) {
      warnings.push(`${what} is left out: ${(error as Error).message}`);
    }
  }
  return definitions;
}

function blockOf(
  { count, stride, entries }: DraftBlock,
  offset: number,
  owner: string,
  warnings: string[],
): BlockDefinition {
  const registers = Object.fromEntries(definitionsOf(entries, 0, owner, warnings));
  return { offset, count, stride, registers };
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
