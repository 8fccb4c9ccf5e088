import type { Fields } from '../fields.js';

/** A register with a name. */
export interface Register<F extends Fields = Fields> {
  /** The capability it belongs to, or null for the header. */
  readonly capability: string | null;
  /**
   * Bytes from the start of the capability, or of configuration space. A layout that varies is a
   * function of the word at offset 2 of the capability; null if the device lacks the register.
   */
  readonly offset: number | ((control: number) => number | null);
  /** Bits. */
  readonly width: 8 | 16 | 32;
  readonly fields: F;
}

/**
 * Computes the register's offset in its capability, in bytes; null if the device lacks the
 * register.
 *
 * @param control - the word at offset 2 of the capability
 */
export function registerOffset(register: Register, control: number): number | null {
  return typeof register.offset === 'number' ? register.offset : register.offset(control);
}

const NONE = {};

export function headerRegister<F extends Fields = typeof NONE>(
  offset: number,
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability: null, offset, width, fields: fields ?? (NONE as F) };
}

export function registerOf<F extends Fields = typeof NONE>(
  capability: string,
  offset: Register['offset'],
  width: 8 | 16 | 32,
  fields?: F,
): Register<F> {
  return { capability, offset, width, fields: fields ?? (NONE as F) };
}
