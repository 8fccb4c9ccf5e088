import { definesBlock, type EntryLayout, isBlock } from './block.js';
import type {
  BlockDefinition,
  FieldDefinition,
  RegisterDefinition,
  RegisterDefinitions,
} from './definition.js';
import type { FieldLayout, RegisterLayout } from './layout.js';

/**
 * Returns a register or a block in the form of a register file. Offsets, strides and reset values are
 * hexadecimal texts.
 */
export function fileEntry(definition: RegisterDefinition | BlockDefinition): object {
  if (definesBlock(definition)) return blockEntry(definition);
  const { offset, stride, reset, fields, ...rest } = definition;
  return {
    offset: hex(offset),
    ...rest,
    ...(stride === undefined ? {} : { stride: hex(stride) }),
    ...(reset === undefined ? {} : { reset: hex(reset) }),
    ...(fields === undefined ? {} : { fields }),
  };
}

function blockEntry({ offset, count, stride, registers }: BlockDefinition): object {
  const entries = Object.entries(registers).map(([name, entry]) => [name, fileEntry(entry)]);
  return {
    offset: hex(offset),
    ...(count === undefined ? {} : { count }),
    ...(stride === undefined ? {} : { stride: hex(stride) }),
    registers: Object.fromEntries(entries) as object,
  };
}

/** Returns the definition of a checked register or block. */
export function definitionOf(layout: EntryLayout): RegisterDefinition | BlockDefinition {
  if (!isBlock(layout)) return registerDefinition(layout);
  const { offset, count, stride, registers } = layout;
  const entries = registers.map((entry) => [entry.name, definitionOf(entry)]);
  return {
    offset,
    registers: Object.fromEntries(entries) as RegisterDefinitions,
    ...(count === null ? {} : { count, stride }),
  };
}

/** Returns the shortest definition of a checked register. */
function registerDefinition(layout: RegisterLayout): RegisterDefinition {
  const { offset, width, access, count, stride, split, reset, fields } = layout;
  const entries = [...fields].map(([name, field]) => [name, fieldDefinition(field, access)]);
  return {
    offset,
    width,
    ...(access === 'rw' ? {} : { access }),
    ...(entries.length === 0 ? {} : { fields: Object.fromEntries(entries) as never }),
    ...(count === null ? {} : { count }),
    ...(stride === width ? {} : { stride }),
    ...(split ? { split } : {}),
    ...(BigInt(reset) === 0n ? {} : { reset }),
  };
}

function fieldDefinition({ lsb, size, access }: FieldLayout, inherited: string): FieldDefinition {
  const bits = size === 1 ? lsb : ([lsb + size - 1, lsb] as const);
  return access === inherited ? bits : { bits, access };
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
