import * as hints from '../../sysfs/hints.js';
import type { IommuGroup } from '../../sysfs/sysfs.js';
import type { Host } from '../host.js';
import { checkReadiness } from '../readiness.js';
import { type Check, type Finding, note, ok, problem } from './finding.js';

/**
 * Checks that the given function can be opened now. If no function is given, every function that is
 * bound to vfio-pci is checked.
 */
export const devices: Check = (host, { device }) => {
  const names = device === undefined ? boundFunctions(host) : [device];
  if (names.length === 0) {
    const text = 'no function is bound to vfio-pci';
    return [problem('devices', text, "sudo vfio bind <address>; 'vfio list' lists the addresses")];
  }
  const groups = new Map<number, IommuGroup>();
  for (const name of names) {
    const group = host.group(name);
    if (group !== null) groups.set(group.number, group);
  }
  return [
    ...[...groups.values()].flatMap((group) => checkViability(host, group)),
    ...names.map((name) => checkFunction(host, name)),
  ];
};

function boundFunctions(host: Host): string[] {
  return host.list().flatMap(({ name, driver }) => {
    return driver !== null && hints.isVfio(driver) ? [name] : [];
  });
}

/**
 * Checks that no function of the group has a host driver that prevents programs from using the
 * group.
 */
function checkViability(host: Host, group: IommuGroup): Finding[] {
  const blockers = hints.findBlockers(host, group);
  const bound = host.members(group).some(({ driver }) => driver !== null && hints.isVfio(driver));
  if (blockers.length === 0 || !bound) return [];
  const names = blockers.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const [first = ''] = blockers.map((member) => hints.freeMember(host, group, member));
  const text = `not viable, because the host uses ${names}`;
  return [
    problem(
      `group ${group.number}`,
      text,
      `${first.startsWith('vfio') ? 'sudo' : 'as root:'} ${first}`,
    ),
  ];
}

function checkFunction(host: Host, name: string): Finding {
  const { ready, missing, hint, tokenOwner } = checkReadiness(host, name);
  if (ready && tokenOwner !== undefined) {
    return note(name, `ready with the VF token of ${tokenOwner}`, hints.tokenNeeded(tokenOwner));
  }
  if (ready) return ok(name, 'ready');
  const unbound = missing?.endsWith('not to vfio-pci') === true;
  return problem(name, missing ?? '', unbound ? `sudo vfio bind ${name}` : hint);
}
