import type { RegisterNames } from '../registers/named.js';
import type { Option } from './command.js';

/** The option of the commands that name registers. */
export const REGISTERS = {
  type: 'string',
  value: '<file>',
  from: 'files',
  help: 'a register file: registers and fields have names (docs/registers.md)',
} as const satisfies Option;

/** Reads the file of {@link REGISTERS}. Returns null without the option. */
export async function loadRegisters(path: string | undefined): Promise<RegisterNames | null> {
  if (path === undefined) return null;
  const { readRegisterFile } = await import('../registers/file.js');
  const { RegisterNames } = await import('../registers/named.js');
  return new RegisterNames(readRegisterFile(path));
}
