import { execFileSync } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import type { IommuGroup } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';
import type { Host } from './host.js';

/**
 * The number of a user.
 * @param user - a name, or the number itself
 * @throws VfioError ENOENT if there is no such user
 */
export function userId(user: string): number {
  if (/^\d+$/.test(user)) return Number(user);
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return Number(execFileSync('id', ['-u', '--', user], { encoding: 'utf8', stdio }));
  } catch (cause) {
    throw new VfioError({ code: 'ENOENT', message: 'no such user', path: user, cause });
  }
}

/** The nodes by which the functions of a group are opened, as far as they are there. */
export function nodesOf(host: Host, group: IommuGroup): string[] {
  const devices = host.members(group).flatMap(({ name }) => host.vfioDevice(name) ?? []);
  const nodes = [host.groupNode(group), ...devices.map((device) => host.deviceNode(device))];
  return nodes.filter((node) => existsSync(node));
}

/** Hands nodes over to a user. */
export function chownNodes(nodes: readonly string[], uid: number): void {
  for (const path of nodes) {
    try {
      chownSync(path, uid, -1);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const hint = 'Handing a node over takes root: run it with sudo.';
      throw new VfioError({ code, syscall: 'chown', path, hint, cause });
    }
  }
}
