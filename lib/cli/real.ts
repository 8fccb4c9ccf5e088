import { isMockName, isVfioUserName } from '../contract/names.js';
import { requireNodeOnLinux } from '../platform.js';
import { resolveName } from './devices.js';
import { UsageError } from './usage.js';

/**
 * Returns the address of a real function. Throws a {@link UsageError} for a mock device, and for the
 * device of a server, and VfioError ENOTSUP on another system.
 */
export async function resolveReal(name: string): Promise<string> {
  if (isMockName(name))
    throw new UsageError(`'${name}' is a mock device, and mock devices have no driver`);
  if (isVfioUserName(name))
    throw new UsageError(`'${name}' is the device of a server, and such a device has no driver`);
  requireNodeOnLinux('a real device needs');
  return resolveName(name);
}
