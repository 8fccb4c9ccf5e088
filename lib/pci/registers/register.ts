import type { Fields } from '../fields.js';

/** A register of configuration space. */
export interface Register<F extends Fields = Fields> {
  /** Name of the capability that contains the register; null for a register of the header. */
  readonly capability: string | null;
  /**
   * Bytes from the start of the capability. For a register of the header: bytes from the start of
   * configuration space. If the offset depends on the device, `offset` is a function of the word at
   * offset 2 of the capability. The function returns null if the device lacks the register.
   */
  readonly offset: number | ((control: number) => number | null);
  /** Bits. */
  readonly width: 8 | 16 | 32;
  readonly fields: F;
}

/**
 * Computes the offset of a register in its capability, in bytes. Returns null if the device lacks
 * the register.
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
