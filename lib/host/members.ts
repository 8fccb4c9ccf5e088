import { findBlockers, freeMember, isVfio } from '../sysfs/hints.js';
import type { GroupMember, IommuGroup } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';
import type { Host } from './host.js';
import { BRIDGES_STAY } from './readiness.js';

/** The members of an IOMMU group, sorted by the change that a plan makes to them. */
export interface Roles {
  /** Members that are bound to vfio-pci. */
  readonly free: readonly GroupMember[];
  /** Members that keep their driver. */
  readonly kept: readonly { readonly name: string; readonly why: string }[];
  /**
   * Descriptions of members that keep their driver, although the driver prevents programs from
   * using the group.
   */
  readonly blocking: readonly string[];
  /** Risks of binding: `'0000:00:1f.4 is an SMBus controller: …'`. */
  readonly warnings: readonly string[];
}

/** Kinds of bridges (class 06xx), by subclass. */
const BRIDGES: Readonly<Record<string, string>> = {
  '00': 'a host bridge',
  '01': 'an ISA bridge',
  '04': 'a PCI bridge',
  '07': 'a CardBus bridge',
};

/** Risks of binding a function, by class and subclass. */
const RISKS: Readonly<Record<string, string>> = {
  '0c05': 'an SMBus controller: the host loses access to sensors and memory modules on the SMBus',
  '0c80': "a serial bus controller: the firmware's flash (SPI) can be connected to this controller",
};

/**
 * Decides which members of a group to bind to vfio-pci. Bridges (class 06xx), and members that have
 * no driver, keep their state. This rule does not apply to the function that the user named. Such
 * members do not prevent programs from using the group. The firmware's flash and other devices can
 * be behind a bridge, and vfio-pci puts an idle device into D3hot.
 *
 * @throws VfioError EINVAL if the named function is a bridge, or if the group has a device in use
 *   that is not a PCI function
 */
export function assignRoles(host: Host, group: IommuGroup, wanted: string): Roles {
  refuseBridge(host, wanted);
  const members = host.members(group);
  refuseOthers(host, members, group);
  const reasons = members.map((member) => ({ member, why: reasonToKeep(host, member, wanted) }));
  const free = reasons.filter(({ why }) => why === null).map(({ member }) => member);
  const blockers = findBlockers(host, group).filter(({ name }) => {
    return !free.some((member) => member.name === name);
  });
  return {
    free,
    kept: reasons.flatMap(({ member: { name }, why }) => (why === null ? [] : [{ name, why }])),
    blocking: blockers.map((member) => {
      const { name, driver } = member;
      const unbind = freeMember(host, group, member);
      return `${name}, ${bridgeName(host, name) ?? ''}, by ${driver ?? ''}: this driver prevents programs from using the group (unbind by hand: ${unbind})`;
    }),
    warnings: free.flatMap(({ name }) => {
      const risk = RISKS[classOf(host, name)];
      return risk === undefined ? [] : [`${name} is ${risk}`];
    }),
  };
}

function reasonToKeep(host: Host, { name, driver }: GroupMember, wanted: string): string | null {
  if (driver !== null && isVfio(driver)) return `bound to ${driver}`;
  if (name === wanted) return null;
  return bridgeName(host, name) ?? (driver === null ? 'no driver' : null);
}

/** Returns the kind of a bridge, `'an ISA bridge'`; null for a function that is not a bridge. */
function bridgeName(host: Host, name: string): string | null {
  const code = classOf(host, name);
  return code.startsWith('06') ? (BRIDGES[code.slice(2)] ?? 'a bridge') : null;
}

/** Returns the class and subclass of a function: `'0601'`. */
function classOf(host: Host, name: string): string {
  return host.text('sys/bus/pci/devices', name, 'class')?.slice(2, 6) ?? '';
}

function refuseBridge(host: Host, name: string): void {
  const kind = BRIDGES[/^06(..)$/.exec(classOf(host, name))?.[1] ?? ''];
  if (kind === undefined) return;
  throw new VfioError({
    code: 'EINVAL',
    message: `${kind} cannot be bound to vfio-pci`,
    path: name,
    hint: BRIDGES_STAY,
  });
}

/**
 * Throws if a device of another bus is in the group and the device's driver prevents programs from
 * using the group.
 */
function refuseOthers(host: Host, members: readonly GroupMember[], group: IommuGroup): void {
  const other = members.find(({ name, driver }) => driver !== null && !host.has(host.device(name)));
  if (other === undefined) return;
  throw new VfioError({
    code: 'EINVAL',
    message: `${other.name} (${other.driver ?? ''}) is not a PCI function, and prevents programs from using the group`,
    path: `IOMMU group ${group.number}`,
    hint: 'A program needs every device of the group. If the host does not need the other device, unbind its driver by hand first.',
  });
}
