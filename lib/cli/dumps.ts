import { existsSync, readFileSync, statSync } from 'node:fs';
import { isMockName, isVfioUserName, parseAddress, parseIds } from '../contract/names.js';
import { systemError, VfioError } from '../errors.js';
import type { DumpedFunction } from '../snapshot/index.js';
import { UsageError } from './usage.js';

const STDIN = '-';
const FILE_MAX = 2 ** 28;

/** Whether an operand is a file with a dump, or `-` for standard input, and not a device. */
export function isDump(name: string): boolean {
  if (name === STDIN) return true;
  if (isMockName(name) || isVfioUserName(name)) return false;
  if (parseAddress(name) !== null || parseIds(name) !== null) return false;
  return name.includes('/') || name.endsWith('.txt') || existsSync(name);
}

/**
 * Reads one function of a dump.
 *
 * @param given - the address of the function; undefined for the only function
 * @throws UsageError if the file contains no dump, or if the address does not select one function
 * @throws VfioError with the errno of the file system
 */
export async function readDump(name: string, given: string | undefined): Promise<DumpedFunction> {
  const address = given === undefined ? null : parseAddress(given);
  if (given !== undefined && address === null) {
    throw new UsageError(`--address must be like 01:00.0, not '${given}'`);
  }
  const { chooseFunction, readDumps, SnapshotError } = await import('../snapshot/index.js');
  const text = readText(name);
  try {
    return chooseFunction(readDumps(text), address);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    const isJson = /^\s*\{/.test(text);
    const hint = isJson ? `: a snapshot is opened as mock:${name}` : '';
    const choice =
      given === undefined
        ? error.message.replace('choose', 'choose with --address')
        : error.message;
    throw new UsageError(`${name}: ${choice}${hint}`);
  }
}

function readText(name: string): string {
  try {
    if (name === STDIN) return readFileSync(0, 'utf8');
    const stat = statSync(name);
    if (!stat.isFile()) {
      throw new VfioError({ code: 'EINVAL', message: 'not a regular file', path: name });
    }
    if (stat.size > FILE_MAX) {
      const message = `the file has ${stat.size} bytes; the maximum is ${FILE_MAX}`;
      throw new VfioError({ code: 'EFBIG', message, path: name });
    }
    return readFileSync(name, 'utf8');
  } catch (cause) {
    if (cause instanceof VfioError) throw cause;
    throw systemError(cause, name);
  }
}
