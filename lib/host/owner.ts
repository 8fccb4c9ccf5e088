import { execFileSync } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import type { IommuGroup } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';
import type { Host } from './host.js';

/** The largest user number. For chown(2), 2^32 - 1 means "no change". */
const MAX_USER = 2 ** 32 - 2;

/**
 * Returns the number of a user.
 *
 * @param user - a name, or a number from 0 to 2^32 - 2
 * @throws VfioError ENOENT if there is no such user; EINVAL if the number is out of range
 */
export function resolveUser(user: string): number {
  if (/^\d+$/.test(user)) {
    if (Number(user) <= MAX_USER) return Number(user);
    const message = `a user number must be 0 to ${MAX_USER}`;
    throw new VfioError({ code: 'EINVAL', message, path: user });
  }
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return Number(execFileSync('id', ['-u', '--', user], { encoding: 'utf8', stdio }));
  } catch (cause) {
    throw new VfioError({ code: 'ENOENT', message: 'no such user', path: user, cause });
  }
}

/** Lists the VFIO device nodes that exist for a group and for the functions of the group. */
export function findNodes(host: Host, group: IommuGroup): string[] {
  const devices = host.members(group).flatMap(({ name }) => host.vfioDevice(name) ?? []);
  const nodes = [host.groupNode(group), ...devices.map((device) => host.deviceNode(device))];
  return nodes.filter((node) => existsSync(node));
}

/** Makes a user the owner of the given device nodes. */
export function chownNodes(nodes: readonly string[], uid: number): void {
  for (const path of nodes) {
    try {
      chownSync(path, uid, -1);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const hint = 'Only root can change the owner of a node: run the command with sudo.';
      throw new VfioError({ code, syscall: 'chown', path, hint, cause });
    }
  }
}
