import { checkInteger, checkRecord, checkOptions } from '../checks.js';
import type { BlockDefinition, RegisterDefinition, RegisterDefinitions } from './definition.js';
import { checkAligned, checkName, layoutOf, type RegisterLayout } from './layout.js';

const PROPERTIES = ['offset', 'registers', 'count', 'stride'];

/** A block with checked values and without defaults. */
export interface BlockLayout {
  readonly name: string;
  readonly offset: number;
  /** The offsets of the entries are counted from the start of the block. */
  readonly registers: readonly EntryLayout[];
  /** Number of blocks, or null if the block is not an array. */
  readonly count: number | null;
  readonly stride: number;
}

/** A register or a block of registers. */
export type EntryLayout = RegisterLayout | BlockLayout;

/** Whether an entry is a block. */
export function isBlock(entry: EntryLayout): entry is BlockLayout {
  return 'registers' in entry;
}

/** Whether a definition is a definition of a block. */
export function definesBlock(
  definition: RegisterDefinition | BlockDefinition,
): definition is BlockDefinition {
  // A value that is no object is checked, and refused, as a register.
  return typeof definition === 'object' && 'registers' in ((definition as object | null) ?? {});
}

/** Checks the registers and the blocks of a map or of a block. */
export function entryLayouts(definitions: RegisterDefinitions): readonly EntryLayout[] {
  return Object.entries(definitions).map(([name, definition]) => entryOf(name, definition));
}

/**
 * Checks the definition of a register or of a block.
 *
 * @throws TypeError for a wrong type or an unknown property
 * @throws RangeError for an offset or a stride that is not aligned, and for blocks that overlap
 */
export function entryOf(
  name: string,
  definition: RegisterDefinition | BlockDefinition,
): EntryLayout {
  if (!definesBlock(definition)) return layoutOf(name, definition);
  checkName(name, 'the name of a block');
  const what = `block ${name}`;
  checkOptions(definition, PROPERTIES, what);
  const { offset, registers: definitions, count } = definition;
  checkRecord(definitions, `the registers of ${what}`);
  const registers = entryLayouts(definitions);
  const unit = alignmentOf(registers);
  checkAligned(offset, `the offset of ${what}`, unit, 0);
  const size = Math.max(unit, endOfAll(registers));
  const { stride = Math.ceil(size / unit) * unit } = definition;
  if (count !== undefined) {
    checkInteger(count, `the count of ${what}`, 1, 2 ** 20);
    checkAligned(stride, `the stride of ${what}`, unit, size);
  } else if (definition.stride !== undefined) {
    throw new TypeError(`${what} has a stride, but no count`);
  }
  return { name, offset, registers, count: count ?? null, stride };
}

/** Returns the offset after the last byte of an entry, or of the last element of an array. */
export function endOf(entry: EntryLayout): number {
  const { offset, count, stride } = entry;
  const size = isBlock(entry) ? endOfAll(entry.registers) : entry.width;
  return offset + ((count ?? 1) - 1) * stride + size;
}

/** Returns the offset after the last byte of several entries. */
export function endOfAll(entries: readonly EntryLayout[]): number {
  return entries.reduce((end, entry) => Math.max(end, endOf(entry)), 0);
}

/** The width of the widest register. Each block begins at a multiple of this width. */
function alignmentOf(entries: readonly EntryLayout[]): number {
  return entries.reduce((unit, entry) => {
    if (isBlock(entry)) return Math.max(unit, alignmentOf(entry.registers));
    return Math.max(unit, entry.split ? 4 : entry.width);
  }, 1);
}
