import { CONVENTIONAL } from './conventional.js';
import { ERRORS } from './errors.js';
import { EXPRESS } from './express.js';
import { HEADER } from './header.js';
import { LINK } from './link.js';
import { STANDARD } from './standard.js';
import { VIRTUALIZATION } from './virtualization.js';

export { type Register, registerOffset } from './register.js';

/**
 * All registers that the library knows, by name. The names of the fields are derived from the names
 * in the specifications.
 */
export const REGISTERS = {
  ...HEADER,
  ...STANDARD,
  ...CONVENTIONAL,
  ...EXPRESS,
  ...ERRORS,
  ...VIRTUALIZATION,
  ...LINK,
} as const;

/**
 * The name of a register in {@link REGISTERS}, for example `'command'`, `'msix.control'` or
 * `'pcie.device_status'`.
 */
export type RegisterName = keyof typeof REGISTERS;

/** The values of the fields of a register. The value of each field is an unsigned number. */
export type FieldsOf<N extends RegisterName> = Record<
  keyof (typeof REGISTERS)[N]['fields'] & string,
  number
>;
