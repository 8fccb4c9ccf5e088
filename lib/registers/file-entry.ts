import type { FieldDefinition, RegisterDefinition } from './definition.js';
import type { FieldLayout, RegisterLayout } from './layout.js';

/**
 * Returns a register as a register file contains the register. Offsets, strides and reset values are
 * hexadecimal texts.
 */
export function fileEntry(definition: RegisterDefinition): object {
  const { offset, stride, reset, fields, ...rest } = definition;
  return {
    offset: hex(offset),
    ...rest,
    ...(stride === undefined ? {} : { stride: hex(stride) }),
    ...(reset === undefined ? {} : { reset: hex(reset) }),
    ...(fields === undefined ? {} : { fields }),
  };
}

/** Returns the shortest definition of a checked register. */
export function definitionOf(layout: RegisterLayout): RegisterDefinition {
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
