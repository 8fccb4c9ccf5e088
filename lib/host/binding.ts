import { isVfio } from '../sysfs/hints.js';
import * as hints from '../sysfs/hints.js';
import type { IommuGroup } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';
import { Activity } from './activity.js';
import { type Disk, findDisks } from './below.js';
import type { Host } from './host.js';
import { findUses } from './in-use.js';
import { assignRoles } from './members.js';
import { vfioNodes } from './vfio-nodes.js';
import { findVirtualUses } from './virtual-functions.js';

/** One write to a file in sysfs. */
export interface Step {
  readonly path: string;
  readonly text: string;
}

/** The change of one function's driver. */
export interface Change {
  readonly name: string;
  /** The present driver; null if the function is unbound. */
  readonly from: string | null;
  /** The new driver; null if the kernel chooses the driver. */
  readonly to: string | null;
  /** The text of `driver_override` before the change; an empty string if no driver is set. */
  readonly override: string;
  readonly steps: readonly Step[];
}

/** The planned driver changes in an IOMMU group. */
export interface Plan {
  readonly group: IommuGroup;
  readonly changes: readonly Change[];
  /** Members of the group that keep their driver. */
  readonly kept: readonly { readonly name: string; readonly why: string }[];
  /** Uses that the change of the driver would interrupt: `'/dev/nvme0n1 is mounted on /'`. */
  readonly uses: readonly string[];
  /** The disks that lose their driver. `applyPlan` checks whether a disk is in use. */
  readonly disks: readonly Disk[];
  /** Texts that describe the risks of the change. */
  readonly warnings: readonly string[];
}

const DRIVER = 'vfio-pci';

/**
 * Plans the driver changes that bind a function to vfio-pci. The other members of the IOMMU group
 * are bound too, except bridges and members without a driver.
 *
 * The name of the former driver is stored in the function's `driver_override`. The kernel reads
 * `driver_override` only at the next probe. The stored name survives the end of this process, but
 * not a reboot. Nothing outside of sysfs is written.
 *
 * @throws VfioError ENODEV if the function, its IOMMU group or vfio-pci is missing; EINVAL if the
 *   function is a bridge, or if the group has a device of another bus that is in use
 */
export function planBind(host: Host, name: string): Plan {
  const group = groupOf(host, name);
  const { free, kept, blocking, warnings } = assignRoles(host, group, name);
  requireVfioPci(host);
  const activity = new Activity(host);
  return {
    group,
    changes: free.map(({ name: member, driver }) => ({
      name: member,
      from: driver,
      to: DRIVER,
      override: readOverride(host, member),
      steps: bindSteps(host, member, driver),
    })),
    kept,
    uses: [...blocking, ...free.flatMap((member) => findUses(host, member.name, activity))],
    disks: free.flatMap((member) => findDisks(host, member.name)),
    warnings,
  };
}

/**
 * Plans the driver changes that bind the functions of a group to their former drivers again.
 *
 * @throws VfioError ENODEV if the function or its IOMMU group is missing
 */
export function planRelease(host: Host, name: string): Plan {
  const group = groupOf(host, name);
  const members = host.members(group);
  const ours = members.filter(({ driver }) => driver !== null && isVfio(driver));
  const activity = new Activity(host);
  const names = ours.map((member) => member.name);
  const openers = activity.openNodes.findProcesses(vfioNodes(host, names));
  return {
    group,
    changes: ours.map(({ name: member, driver }) => {
      const former = formerDriver(host, member);
      return {
        name: member,
        from: driver,
        to: former,
        override: readOverride(host, member),
        steps: releaseSteps(host, member, driver, former),
      };
    }),
    kept: members
      .filter((member) => !ours.includes(member))
      .map((one) => ({
        name: one.name,
        why: one.driver === null ? 'no driver' : `bound to ${one.driver}`,
      })),
    uses: [
      ...(openers.length === 0 ? [] : [`open in ${openers.join(', ')}`]),
      ...names.flatMap((member) => findVirtualUses(host, activity, member)),
    ],
    disks: [],
    warnings: [],
  };
}

/** @throws VfioError ENODEV if the driver vfio-pci is not loaded */
export function requireVfioPci(host: Host): void {
  if (host.hasDriver(DRIVER)) return;
  throw new VfioError({
    code: 'ENODEV',
    message: 'the driver vfio-pci is not loaded',
    path: host.path('sys/bus/pci/drivers', DRIVER),
    hint: "Load the driver as root: 'modprobe vfio-pci'.",
  });
}

function groupOf(host: Host, name: string): IommuGroup {
  const refuse = (message: string, hint: string) =>
    new VfioError({ code: 'ENODEV', message, path: host.device(name), hint });
  if (!host.has(host.device(name)))
    throw refuse('no such PCI function', "'vfio list' lists the functions of this machine.");
  const group = host.group(name);
  if (group === null) throw refuse('no IOMMU group', hints.noIommu(host, name));
  return group;
}

function bindSteps(host: Host, name: string, driver: string | null): Step[] {
  const override = `${host.device(name)}/driver_override`;
  return [
    { path: override, text: DRIVER },
    ...(driver === null ? [] : [unbind(host, name)]),
    probe(host, name),
    ...(driver === null ? [] : [{ path: override, text: driver }]),
  ];
}

function releaseSteps(
  host: Host,
  name: string,
  driver: string | null,
  former: string | null,
): Step[] {
  const clear = { path: `${host.device(name)}/driver_override`, text: '\n' };
  return [
    ...(former === null ? [clear] : []),
    ...(driver === null ? [] : [unbind(host, name)]),
    probe(host, name),
    ...(former === null ? [] : [clear]),
  ];
}

function unbind(host: Host, name: string): Step {
  return { path: `${host.device(name)}/driver/unbind`, text: name };
}

function probe(host: Host, name: string): Step {
  return { path: host.path('sys/bus/pci/drivers_probe'), text: name };
}

/**
 * Reads the name of the driver that {@link planBind} stored. Returns null if the function had no
 * driver, or if another tool bound the function.
 */
function formerDriver(host: Host, name: string): string | null {
  const override = readOverride(host, name);
  return override === '' || isVfio(override) ? null : override;
}

function readOverride(host: Host, name: string): string {
  const override = host.text('sys/bus/pci/devices', name, 'driver_override') ?? '';
  return override === '(null)' ? '' : override;
}
