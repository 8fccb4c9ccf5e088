import { parseArgs } from 'node:util';
import { applyPlan } from '../host/apply.js';
import { planBind } from '../host/binding.js';
import { Host } from '../host/host.js';
import { chownNodes, nodesOf, userId } from '../host/owner.js';
import { udevRules } from '../host/persist.js';
import { tellPlan, tellOutcome } from './binding.js';
import { realFunction } from './real.js';
import { onlyOne } from './usage.js';

export const usage = `vfio bind <device> [options]

Gives a function and all of its IOMMU group to vfio-pci, except bridges. What is in use is refused:
a mounted disk, swap, a network interface that is up. vfio release gives it back to the driver it
had, which is kept in sysfs (driver_override) and gone with the next start of the machine.

  --dry-run       prints what would be written, and writes nothing
  --force         also what is in use
  --owner <user>  hands the nodes of the group over to a user
  --persist       prints a udev rule that binds it at each start, and changes nothing
  --json          prints one JSON object

Example: sudo vfio bind 01:00.0 --owner $USER`;

export function run(argv: string[]): number {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      'dry-run': { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      owner: { type: 'string' },
      persist: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const host = new Host();
  const plan = planBind(host, realFunction(onlyOne(positionals)));
  const { owner, json } = values;
  const uid = owner === undefined ? undefined : userId(owner);
  if (values.persist) {
    console.log(udevRules(host, plan, owner));
    return 0;
  }
  if (values['dry-run']) {
    tellPlan(plan, json);
    return 0;
  }
  const outcomes = applyPlan(host, plan, values.force);
  const nodes = nodesOf(host, plan.group);
  if (uid !== undefined) chownNodes(nodes, uid);
  tellOutcome(plan, outcomes, json, { nodes, ...(owner === undefined ? {} : { owner }) });
  return 0;
}
