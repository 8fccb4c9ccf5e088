import { VfioError } from '../errors.js';
import type { Change, Plan } from './binding.js';
import { Claim } from './claim.js';
import { isVfio } from '../sysfs/hints.js';
import type { Host } from './host.js';

/** The driver of a function before and after the change; null if unbound. */
export interface Outcome {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * Lists all uses of a plan. The kernel is asked about each disk by an exclusive open, which ends
 * before the function returns.
 */
export function listUses(host: Host, plan: Plan): string[] {
  using claim = new Claim(host, plan.disks);
  return combine(plan, claim);
}

/** Adds the uses that only the kernel knows: a disk whose use is known already is named once. */
function combine({ uses }: Plan, claim: Claim): string[] {
  const named = claim.uses.filter(
    ({ node, claimed }) => !claimed || !uses.some((use) => use.startsWith(node)),
  );
  return [...uses, ...named.map(({ text }) => text)];
}

/**
 * Applies a plan. If a function does not get its driver, the functions changed before get their
 * former drivers back. The disks of a function stay claimed until its driver is unbound, so nobody
 * can mount one in between.
 *
 * @param force - applies the plan even if something is in use
 * @throws VfioError EBUSY if something is in use, or if vfio-pci binds a released function again;
 *   ENODEV if a driver does not bind to a function; EACCES without the rights
 */
export function applyPlan(host: Host, plan: Plan, force: boolean): Outcome[] {
  using claim = new Claim(host, plan.disks);
  const uses = combine(plan, claim);
  if (uses.length > 0 && !force) {
    throw new VfioError({
      code: 'EBUSY',
      message: `in use: ${uses.join('; ')}`,
      path: `IOMMU group ${plan.group.number}`,
      hint: 'End the use first (umount, swapoff, vgchange -an, ip link set … down, stop the program), or use --force.',
    });
  }
  const done: Change[] = [];
  try {
    for (const change of plan.changes) {
      done.push(change);
      perform(host, change, claim);
    }
    // A later change, or another program such as udev, may have changed the driver again.
    for (const change of plan.changes) checkReached(host, change);
  } catch (error) {
    rollBack(host, done);
    throw error;
  }
  return plan.changes.map(({ name, from }) => ({ name, from, to: host.driver(name) }));
}

function perform(host: Host, change: Change, claim: Claim): void {
  for (const { path, text } of change.steps) {
    host.write(path, text);
    if (path.endsWith('/unbind')) claim.release(change.name);
  }
  checkReached(host, change);
}

/** Checks that a function has the driver that the plan was to reach. */
function checkReached(host: Host, { name, to }: Change): void {
  const driver = host.driver(name);
  if (to === null) {
    if (driver !== null && isVfio(driver)) throw boundAgain(host, name, driver);
    return;
  }
  if (driver === to) return;
  throw new VfioError({
    code: 'ENODEV',
    message: `${to} did not bind to ${name}${driver === null ? '' : `, but ${driver} did`}`,
    path: host.device(name),
    hint: `'dmesg | tail' shows the reason. If the module is not loaded: 'modprobe ${to}'.`,
  });
}

function boundAgain(host: Host, name: string, driver: string): VfioError {
  const id = (file: string) => (host.text('sys/bus/pci/devices', name, file) ?? '').slice(2);
  const ids = `${id('vendor')} ${id('device')}`;
  return new VfioError({
    code: 'EBUSY',
    message: `${driver} bound to ${name} again, since it claims the ids ${ids.replace(' ', ':')}`,
    path: host.device(name),
    hint: `Remove the ids from the driver: 'echo ${ids} > /sys/bus/pci/drivers/${driver}/remove_id' as root, until the next boot. They come from its new_id, or from ids= in /etc/modprobe.d or on the kernel command line.`,
  });
}

/** Returns functions to their former drivers. Failures are ignored: the first error is reported. */
function rollBack(host: Host, done: readonly Change[]): void {
  for (const { name, from, override: before } of [...done].reverse()) {
    const override = `${host.device(name)}/driver_override`;
    const driver = host.driver(name);
    const undo = [
      ...(driver === from ? [] : [{ path: override, text: from ?? '\n' }]),
      ...(driver === null || driver === from
        ? []
        : [{ path: `${host.device(name)}/driver/unbind`, text: name }]),
      ...(driver === from || from === null
        ? []
        : [{ path: host.path('sys/bus/pci/drivers_probe'), text: name }]),
      { path: override, text: before === '' ? '\n' : before },
    ];
    for (const { path, text } of undo) {
      try {
        host.write(path, text);
      } catch {
        // The next write may still succeed.
      }
    }
  }
}
