import { isMockName } from '../contract/names.js';
import { resolveName } from './devices.js';
import { UsageError } from './usage.js';

/** Returns the address of a real function. Throws a {@link UsageError} for a mock device. */
export async function resolveReal(name: string): Promise<string> {
  if (isMockName(name))
    throw new UsageError(`'${name}' is a mock device, and mock devices have no driver`);
  return resolveName(name);
}
