import * as hints from '../../sysfs/hints.js';
import type { IommuGroup } from '../../sysfs/sysfs.js';
import type { Host } from '../host.js';
import { readiness } from '../readiness.js';
import { type Check, type Finding, ok, problem } from './finding.js';

/** The functions that are bound, or the one that is wanted: whether it could be opened now. */
export const devices: Check = (host, { device }) => {
  const names = device === undefined ? boundFunctions(host) : [device];
  if (names.length === 0) {
    const text = 'none is bound to vfio-pci';
    return [problem('devices', text, "sudo vfio bind <address>; 'vfio list' has the addresses")];
  }
  const groups = new Map<number, IommuGroup>();
  for (const name of names) {
    const group = host.group(name);
    if (group !== null) groups.set(group.number, group);
  }
  return [
    ...[...groups.values()].flatMap((group) => viability(host, group)),
    ...names.map((name) => opens(host, name)),
  ];
};

function boundFunctions(host: Host): string[] {
  return host.list().flatMap(({ name, driver }) => {
    return driver !== null && hints.isVfio(driver) ? [name] : [];
  });
}

/** All functions of a group belong to one program, or to nobody. */
function viability(host: Host, group: IommuGroup): Finding[] {
  const culprits = hints.membersInTheWay(host, group);
  const bound = host.members(group).some(({ driver }) => driver !== null && hints.isVfio(driver));
  if (culprits.length === 0 || !bound) return [];
  const names = culprits.map(({ name, driver }) => `${name} (${driver ?? ''})`).join(', ');
  const first = culprits[0]?.name ?? '';
  const text = `not viable: the host uses ${names}`;
  return [problem(`group ${group.number}`, text, `sudo vfio bind ${first}`)];
}

function opens(host: Host, name: string): Finding {
  const { ready, missing, hint } = readiness(host, name);
  if (ready) return ok(name, 'ready');
  const unbound = missing?.endsWith('not to vfio-pci') === true;
  return problem(name, missing ?? '', unbound ? `sudo vfio bind ${name}` : hint);
}
