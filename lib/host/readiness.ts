import { accessSync, constants } from 'node:fs';
import * as hints from '../sysfs/hints.js';
import { checkOpenOptions } from '../contract/open-options.js';
import type { IommuGroup, Sysfs } from '../sysfs/sysfs.js';
import { findTarget } from '../sysfs/target.js';
import { VfioError } from '../errors.js';
import type { Host } from './host.js';

export const BRIDGES_STAY = 'Bridges stay with their driver: bind the devices behind them.';

/** Whether a program of this user could open a function now, and what it lacks if not. */
export interface Readiness {
  readonly ready: boolean;
  /** `'bound to nvme, not to vfio-pci'`. */
  readonly missing?: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

/** Looks at what opening would look at; nothing is opened. */
export function readiness(sysfs: Host, name: string): Readiness {
  if (sysfs.isBridge(name)) return lack('a bridge', () => BRIDGES_STAY);
  try {
    const { group, via, vfioDevice } = findTarget(sysfs, name, checkOpenOptions({}));
    const culprits = hints.membersInTheWay(sysfs, group);
    if (culprits.length > 0) {
      const names = culprits.map((member) => `${member.name} (${member.driver ?? ''})`);
      return lack(`group ${group.number} is not viable: ${names.join(', ')}`, () =>
        hints.notViable(sysfs, group),
      );
    }
    return nodes(sysfs, group, via === 'cdev' ? vfioDevice : null);
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    return { ready: false, missing: reason(error), hint: error.hint };
  }
}

function lack(missing: string, hint: () => string): Readiness {
  return { ready: false, missing, hint: hint() };
}

function nodes(sysfs: Sysfs, group: IommuGroup, device: string | null): Readiness {
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

/** Whether this user may read and write it. */
export function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The description of an error without its code and its path. */
function reason({ message, code, path }: VfioError): string {
  return message.slice(code.length + 2).replace(path === undefined ? '' : ` '${path}'`, '');
}
