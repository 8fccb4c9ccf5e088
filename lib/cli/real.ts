import { isMockName } from '../contract/names.js';
import { resolveName } from './devices.js';
import { UsageError } from './usage.js';

/** Resolves a name to the address of a real function; refuses mock devices. */
export async function resolveReal(name: string): Promise<string> {
  if (isMockName(name)) throw new UsageError(`'${name}' is a mock device: it has no driver`);
  return resolveName(name);
}
