import { VfioError } from '../errors.js';
import type { Change, Plan } from './binding.js';
import type { Host } from './host.js';

/** The driver of a function before and after the change; null if unbound. */
export interface Outcome {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * Applies a plan. If a function does not get its driver, the functions changed before get their
 * former drivers back.
 *
 * @param force - applies the plan even if something is in use
 * @throws VfioError EBUSY if something is in use; ENODEV if a driver does not bind to a function;
 *   EACCES without the rights
 */
export function applyPlan(host: Host, plan: Plan, force: boolean): Outcome[] {
  if (plan.uses.length > 0 && !force) {
    throw new VfioError({
      code: 'EBUSY',
      message: `in use: ${plan.uses.join('; ')}`,
      path: `IOMMU group ${plan.group.number}`,
      hint: 'End the use first (umount, swapoff, ip link set … down, stop the program), or use --force.',
    });
  }
  const done: Change[] = [];
  try {
    for (const change of plan.changes) {
      done.push(change);
      perform(host, change);
    }
  } catch (error) {
    rollBack(host, done);
    throw error;
  }
  return plan.changes.map(({ name, from }) => ({ name, from, to: host.driver(name) }));
}

function perform(host: Host, { name, to, steps }: Change): void {
  for (const { path, text } of steps) host.write(path, text);
  const driver = host.driver(name);
  if (to === null || driver === to) return;
  throw new VfioError({
    code: 'ENODEV',
    message: `${to} did not bind to ${name}${driver === null ? '' : `, but ${driver} did`}`,
    path: host.device(name),
    hint: `'dmesg | tail' shows the reason. If the module is not loaded: 'modprobe ${to}'.`,
  });
}

/** Returns functions to their former drivers. Failures are ignored: the first error is reported. */
function rollBack(host: Host, done: readonly Change[]): void {
  for (const { name, from } of [...done].reverse()) {
    const override = `${host.device(name)}/driver_override`;
    const undo = [
      { path: override, text: from ?? '\n' },
      ...(host.driver(name) === null || host.driver(name) === from
        ? []
        : [{ path: `${host.device(name)}/driver/unbind`, text: name }]),
      ...(from === null ? [] : [{ path: host.path('sys/bus/pci/drivers_probe'), text: name }]),
      ...(from === null || from.includes('vfio') ? [] : [{ path: override, text: '\n' }]),
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
