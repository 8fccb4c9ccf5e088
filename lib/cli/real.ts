import { isMockName } from '../contract/names.js';
import { resolveName } from './devices.js';
import { UsageError } from './usage.js';

/** The address of a real function, for what is done to the machine. */
export async function realFunction(called: string): Promise<string> {
  if (isMockName(called)) throw new UsageError(`'${called}' is a mock device: it has no driver`);
  return resolveName(called);
}
