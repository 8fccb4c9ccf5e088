import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GUEST_BIN } from './init.js';

/** Variables of the caller that the guest gets. */
const PASSED_ON =
  /^(?:(?:NODE|VFIO|LC)_.*|CI|NO_COLOR|FORCE_COLOR|COLORTERM|TERM|LANG|TZ|HOME|USER|LOGNAME|SHELL)$/;

/** A name that a shell accepts. The caller's environment may contain others, such as `a-b`. */
const VARIABLE = /^[A-Za-z_]\w*$/;

/** Whether a text is the name of a shell's variable. */
export function isVariableName(name: string): boolean {
  return VARIABLE.test(name);
}

/** Lists `node_modules/.bin` of a folder and of its parents, the nearest first, as npm does. */
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
 * @param extra - variables that override those of the caller
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
