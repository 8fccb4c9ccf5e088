import { isMockName, isVfioUserName } from '../contract/names.js';
import { resolveName } from './devices.js';
import { UsageError } from './usage.js';

/**
 * Returns the address of a real function. Throws a {@link UsageError} for a mock device, and for the
 * device of a server.
 */
export async function resolveReal(name: string): Promise<string> {
  if (isMockName(name))
    throw new UsageError(`'${name}' is a mock device, and mock devices have no driver`);
  if (isVfioUserName(name))
    throw new UsageError(`'${name}' is the device of a server, and such a device has no driver`);
  return resolveName(name);
}
