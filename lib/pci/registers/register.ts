import type { Fields } from '../fields.js';

/** A register that is known by name. */
export interface Register<F extends Fields = Fields> {
  /** The capability it belongs to, or null for the header. */
  readonly capability: string | null;
  /**
   * Bytes from the start of its capability (or of configuration space). Where the layout varies,
   * the word at offset 2 of the capability tells it; null if the device has no such register.
   */
  readonly offset: number | ((control: number) => number | null);
  /** Bits. */
  readonly width: 8 | 16 | 32;
  readonly fields: F;
}

/**
 * Bytes from the start of the register's capability, or null if the device has no such register.
 *
 * @param control - the word at offset 2 of the capability
 */
export function registerOffset(register: Register, control: number): number | null {
  return typeof register.offset === 'number' ? register.offset : register.offset(control);
}

const NONE = {};

export function header<F extends Fields = typeof NONE>(
  offset: number,
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability: null, offset, width, fields: fields ?? (NONE as F) };
}

export function of<F extends Fields = typeof NONE>(
  capability: string,
  offset: Register['offset'],
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability, offset, width, fields: fields ?? (NONE as F) };
}
