import { isImitation, resolveName } from './devices.js';
import { UsageError } from './usage.js';

/** The address of a real function, for what is done to the machine. */
export async function realFunction(called: string): Promise<string> {
  if (isImitation(called)) throw new UsageError(`'${called}' is imitated: there is no driver`);
  return resolveName(called);
}
