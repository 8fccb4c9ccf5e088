import { accessSync, constants } from 'node:fs';
import * as hints from '../sysfs/hints.js';
import { checkOpenOptions } from '../contract/open-options.js';
import type { IommuGroup, Sysfs } from '../sysfs/sysfs.js';
import { findTarget } from '../sysfs/target.js';
import { tokenOwner } from '../sysfs/vf-token.js';
import { VfioError } from '../errors.js';
import type { Host } from './host.js';

export { acceptsToken } from '../sysfs/vf-token.js';

export const BRIDGES_STAY = 'Bind the devices behind the bridge. A bridge keeps its driver.';

/**
 * Whether a program of this user can open a function now. If the function cannot be opened,
 * `missing` contains the reason.
 */
export interface Readiness {
  readonly ready: boolean;
  /** The reason why the function cannot be opened: `'bound to nvme, not to vfio-pci'`. */
  readonly missing?: string;
  /** How the user can fix the problem. */
  readonly hint?: string | undefined;
  /**
   * The physical function whose VF token is needed to open the function; undefined if no token is
   * needed.
   */
  readonly tokenOwner?: string;
}

/** Checks whether a function can be opened, without opening the function. */
export function checkReadiness(sysfs: Host, name: string): Readiness {
  if (sysfs.isBridge(name)) return lack('a bridge', () => BRIDGES_STAY);
  try {
    const { group, via, vfioDevice } = findTarget(sysfs, name, checkOpenOptions({}));
    const blockers = hints.findBlockers(sysfs, group);
    if (blockers.length > 0) {
      const names = blockers.map((member) => `${member.name} (${member.driver ?? ''})`);
      return lack(`group ${group.number} is not viable: ${names.join(', ')}`, () =>
        hints.notViable(sysfs, group),
      );
    }
    const owner = tokenOwner(sysfs, name);
    return {
      ...checkNodes(sysfs, group, via === 'cdev' ? vfioDevice : null),
      ...(owner === null ? {} : { tokenOwner: owner }),
    };
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    return { ready: false, missing: reason(error), hint: error.hint };
  }
}

function lack(missing: string, hint: () => string): Readiness {
  return { ready: false, missing, hint: hint() };
}

function checkNodes(sysfs: Sysfs, group: IommuGroup, device: string | null): Readiness {
  const [shared, own] =
    device === null
      ? [sysfs.containerNode, sysfs.groupNode(group)]
      : [sysfs.iommuNode, sysfs.deviceNode(device)];
  if (!sysfs.has(shared)) return lack(`no ${shared}`, () => hints.noContainer(shared));
  if (!sysfs.has(own)) return lack(`no ${own}`, () => hints.noNode(own));
  const closed = [shared, own].find((path) => !mayOpen(path));
  if (closed === undefined) return { ready: true };
  return lack(`no permission for ${closed}`, () => hints.notPermitted(closed));
}

/** Whether this user has permission to read and write a device node. */
export function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns the description of an error without its code and its path. */
function reason({ message, code, path }: VfioError): string {
  return message.slice(code.length + 2).replace(path === undefined ? '' : ` '${path}'`, '');
}
