import { checkFunction, checkNumber, checkObject } from '../../checks.js';
import type { Fields } from '../fields.js';

/** A register of configuration space. */
export interface Register<F extends Fields = Fields> {
  /**
   * The name of the capability that contains the register, or null if the register is in the
   * header.
   */
  readonly capability: string | null;
  /**
   * The offset of the register from the start of the capability, in bytes. The offset of a header
   * register is counted from the start of configuration space. If the offset depends on the device,
   * `offset` is a function. The argument of the function is the 16-bit word at offset 2 in the
   * capability. The function returns null if the device does not have the register.
   */
  readonly offset: number | ((control: number) => number | null);
  /** Bits. */
  readonly width: 8 | 16 | 32;
  readonly fields: F;
}

/**
 * Returns the offset in bytes of a register, counted from the start of its capability. Returns null
 * if the device does not have the register.
 *
 * @param control - the 16-bit word at offset 2 in the capability
 */
export function registerOffset(register: Register, control: number): number | null {
  checkObject(register, 'register');
  checkNumber(control, 'control');
  const { offset } = register;
  if (typeof offset === 'number') return offset;
  checkFunction(offset, 'register.offset');
  return offset(control);
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
