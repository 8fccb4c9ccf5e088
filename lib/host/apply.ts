import { VfioError } from '../errors.js';
import type { Change, Plan } from './binding.js';
import type { Host } from './host.js';

/** What became of a function. */
export interface Outcome {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * Does what was planned. If a function does not get the driver it should, those that were changed
 * before are given back.
 *
 * @param force - also if something is in use
 * @throws VfioError EBUSY if something is in use; ENODEV if a driver does not take a function; EACCES
 *   without the rights
 */
export function applyPlan(host: Host, plan: Plan, force: boolean): Outcome[] {
  if (plan.uses.length > 0 && !force) {
    throw new VfioError({
      code: 'EBUSY',
      message: `in use: ${plan.uses.join('; ')}`,
      path: `IOMMU group ${plan.group.number}`,
      hint: 'Stop using it first (umount, swapoff, ip link set … down, end the program), or --force.',
    });
  }
  const done: Change[] = [];
  try {
    for (const change of plan.changes) {
      done.push(change);
      perform(host, change);
    }
  } catch (error) {
    giveBack(host, done);
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
    message: `${to} does not take ${name}${driver === null ? '' : `, which went to ${driver}`}`,
    path: host.device(name),
    hint: `'dmesg | tail' says why; is the module ${to} loaded ('modprobe ${to}')?`,
  });
}

/** As far as it goes: the first failure is the one that is told. */
function giveBack(host: Host, done: readonly Change[]): void {
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
        // The next one may still help.
      }
    }
  }
}
