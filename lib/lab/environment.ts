import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GUEST_BIN } from './init.js';

/** Variables of the caller that mean the same in the guest. */
const PASSED_ON =
  /^(?:(?:NODE|VFIO|LC)_.*|CI|NO_COLOR|FORCE_COLOR|COLORTERM|TERM|LANG|TZ|HOME|USER|LOGNAME|SHELL)$/;

/** `node_modules/.bin` of a folder and of the ones above, the nearest first, as npm has them. */
function projectBins(cwd: string): string[] {
  const bins: string[] = [];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    bins.push(join(folder, 'node_modules/.bin'));
    if (folder === dirname(folder)) break;
  }
  return bins.filter((bin) => existsSync(bin));
}

/**
 * The environment of the command in the guest.
 *
 * @param caller - the environment to choose from
 * @param cwd - where the command runs
 * @param extra - variables that are set whatever the caller has
 */
export function guestEnvironment(
  caller: NodeJS.ProcessEnv,
  cwd: string,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const passed = Object.entries(caller).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && PASSED_ON.test(entry[0]),
  );
  const path = [GUEST_BIN, ...projectBins(cwd), caller.PATH ?? '/usr/bin:/bin:/usr/sbin:/sbin'];
  return { TERM: 'dumb', ...Object.fromEntries(passed), PATH: path.join(':'), ...extra };
}
