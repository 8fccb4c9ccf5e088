import { applyPlan } from '../host/apply.js';
import { planBind } from '../host/binding.js';
import { Host } from '../host/host.js';
import { chownNodes, nodesOf, userId } from '../host/owner.js';
import { udevRules } from '../host/persist.js';
import { tellPlan, tellOutcome } from './binding.js';
import { defineCommand } from './command.js';
import { realFunction } from './real.js';
import { UsageError } from './usage.js';

export const command = defineCommand({
  about: `Gives a function and all of its IOMMU group to vfio-pci, except bridges. What is in use is
    refused: a mounted disk or share, swap, a network interface that is up. vfio release gives it back
    to the driver it had, which is kept in sysfs (driver_override) and gone with the next start of the
    machine.`,
  operands: { device: { from: 'devices' } },
  options: {
    'dry-run': { type: 'boolean', help: 'prints what would be written, and writes nothing' },
    force: { type: 'boolean', help: 'also what is in use' },
    owner: {
      type: 'string',
      value: '<user>',
      from: 'users',
      help: 'hands the nodes of the group over to a user',
    },
    persist: {
      type: 'boolean',
      help: 'prints a udev rule that binds it at each start, and changes nothing',
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['sudo vfio bind 01:00.0 --owner $USER'],
  async run({ options: { owner, json, ...options }, operands }) {
    if (options.persist && json) throw new UsageError('--persist prints a rule, not JSON');
    const host = new Host();
    const plan = planBind(host, await realFunction(operands.device));
    const uid = owner === undefined ? undefined : userId(owner);
    if (options.persist) {
      console.log(udevRules(host, plan, owner));
      return 0;
    }
    if (options['dry-run']) {
      tellPlan(plan, json, owner === undefined ? {} : { owner, node: host.groupNode(plan.group) });
      return 0;
    }
    const outcomes = applyPlan(host, plan, options.force);
    const nodes = nodesOf(host, plan.group);
    if (uid !== undefined) chownNodes(nodes, uid);
    tellOutcome(plan, outcomes, json, { nodes, ...(owner === undefined ? {} : { owner }) });
    return 0;
  },
});
