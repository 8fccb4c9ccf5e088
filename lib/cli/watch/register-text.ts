import type { Width } from '../../index.js';

/** Formats the value of a register. */
export function formatValue(value: bigint, width: Width): string {
  return value.toString(16).padStart(2 * width, '0');
}

/** Formats a change of a register: both values, and the bits that changed. */
export function formatChange(before: bigint, value: bigint, width: Width): string {
  const changed = formatValue(before ^ value, width);
  return `${formatValue(before, width)} -> ${formatValue(value, width)}  changed ${changed}`;
}
