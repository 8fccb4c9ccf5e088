import { resolveName } from '../index.js';
import { UsageError } from './usage.js';

/** The address of a real function, for what is done to the machine. */
export function realFunction(called: string): string {
  const name = resolveName(called);
  if (name.startsWith('mock:')) throw new UsageError(`'${name}' is imitated: there is no driver`);
  return name;
}
