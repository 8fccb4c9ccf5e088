import { VfioError } from '../errors.js';
import type { Change, Plan } from './binding.js';
import { Claim } from './claim.js';
import { isVfio } from '../sysfs/hints.js';
import type { Host } from './host.js';

/**
 * The drivers of a function before and after the change. A driver is null if the function was
 * unbound.
 */
export interface Outcome {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * Lists all current uses of the functions in a plan, for example a mounted disk. To find out
 * whether the kernel uses a disk, the disk is opened exclusively and closed again.
 */
export function listUses(host: Host, plan: Plan): string[] {
  using claim = new Claim(host, plan.disks);
  return combine(plan, claim);
}

/**
 * Adds the disks that the kernel reports as busy, unless the plan already lists a use of the disk.
 */
function combine({ uses }: Plan, claim: Claim): string[] {
  const named = claim.uses.filter(
    ({ node, claimed }) => !claimed || !uses.some((use) => use.startsWith(`${node} `)),
  );
  return [...uses, ...named.map(({ text }) => text)];
}

/**
 * Applies a plan. If a driver does not bind to a function, the functions that were changed before
 * are bound to their former drivers again. The disks of a function stay claimed until the driver is
 * unbound, so that no disk can be mounted in the meantime.
 *
 * @param force - whether to apply the plan even if a function is in use
 * @throws VfioError EBUSY if a function is in use, or if vfio-pci binds to a released function
 *   again; ENODEV if a driver does not bind to a function; EACCES if the process lacks the
 *   permission to write
 */
export function applyPlan(host: Host, plan: Plan, force: boolean): Outcome[] {
  using claim = new Claim(host, plan.disks);
  const uses = combine(plan, claim);
  if (uses.length > 0 && !force) {
    throw new VfioError({
      code: 'EBUSY',
      message: `in use: ${uses.join('; ')}`,
      path: `IOMMU group ${plan.group.number}`,
      hint: 'Stop using the functions first (umount, swapoff, vgchange -an, ip link set … down, stop the program), or use --force.',
    });
  }
  const done: Change[] = [];
  try {
    for (const change of plan.changes) {
      done.push(change);
      perform(host, change, claim);
    }
    // A later change or another program, for example udev, might have changed the driver again.
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

/** Checks that a function has the driver that the plan names. */
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
    message: `${driver} bound to ${name} again, because the driver claims the ids ${ids.replace(' ', ':')}`,
    path: host.device(name),
    hint: `Remove the ids from the driver: 'echo ${ids} > /sys/bus/pci/drivers/${driver}/remove_id' as root, until the next boot. The ids were added by the driver's file new_id, or by ids= in /etc/modprobe.d or on the kernel command line.`,
  });
}

/**
 * Binds functions to their former drivers again. Further failures are ignored, because the caller
 * reports the error that caused the rollback.
 */
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
