import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GUEST_BIN } from './init.js';

/** Matches the names of the environment variables that are passed from the caller to the guest. */
const PASSED_ON =
  /^(?:(?:NODE|VFIO|LC)_.*|CI|NO_COLOR|FORCE_COLOR|COLORTERM|TERM|LANG|TZ|HOME|USER|LOGNAME|SHELL)$/;

/**
 * Matches a variable name that a shell accepts. The caller's environment can contain names that a
 * shell does not accept, for example `a-b`.
 */
const VARIABLE = /^[A-Za-z_]\w*$/;

/** Whether a text is a valid name for a shell variable. */
export function isVariableName(name: string): boolean {
  return VARIABLE.test(name);
}

/**
 * Lists the folders `node_modules/.bin` in a folder and in its parents. The nearest folder is
 * first, as in npm.
 */
function projectBins(cwd: string): string[] {
  const bins: string[] = [];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    bins.push(join(folder, 'node_modules/.bin'));
    if (folder === dirname(folder)) break;
  }
  return bins.filter((bin) => existsSync(bin));
}

/**
 * Builds the environment of the command in the guest.
 *
 * @param caller - the caller's environment
 * @param cwd - the command's working directory
 * @param extra - variables that override the caller's variables
 */
export function guestEnvironment(
  caller: NodeJS.ProcessEnv,
  cwd: string,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const passed = Object.entries(caller).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && isVariableName(entry[0]) && PASSED_ON.test(entry[0]),
  );
  const path = [GUEST_BIN, ...projectBins(cwd), caller.PATH ?? '/usr/bin:/bin:/usr/sbin:/sbin'];
  return { TERM: 'dumb', ...Object.fromEntries(passed), PATH: path.join(':'), ...extra };
}
