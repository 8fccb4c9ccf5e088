import { applyPlan, listUses } from '../host/apply.js';
import { planBind } from '../host/binding.js';
import { Host } from '../host/host.js';
import { chownNodes, findNodes, resolveUser } from '../host/owner.js';
import { udevRules } from '../host/persist.js';
import { printableLines } from '../printable.js';
import { printOutcome, printPlan, printWarnings } from './binding.js';
import { defineCommand } from './command.js';
import { resolveReal } from './real.js';
import { UsageError } from './usage.js';

export const command = defineCommand({
  about: `Binds a function to vfio-pci. The other functions of the IOMMU group are bound too, except
    bridges and functions without a driver. The command refuses functions that are in use, for
    example a mounted disk, an open character device or a network interface that is up (docs/cli.md
    lists all uses). To check a disk, the command opens the disk exclusively. The names of the
    former drivers are stored in sysfs (driver_override) until the next boot, and 'vfio release'
    binds these drivers again.`,
  operands: { device: { from: 'devices' } },
  options: {
    'dry-run': { type: 'boolean', help: 'prints the planned writes to sysfs, and changes nothing' },
    force: { type: 'boolean', help: 'also binds functions that are in use' },
    owner: {
      type: 'string',
      value: '<user>',
      from: 'users',
      help: "makes this user the owner of the group's device nodes",
    },
    persist: {
      type: 'boolean',
      help: 'prints a udev rule that binds the group at each boot, and changes nothing',
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['sudo vfio bind 01:00.0 --owner $USER'],
  async run({ options: { owner, json, ...options }, operands }) {
    if (options.persist && json) throw new UsageError('--persist prints a rule, not JSON');
    const host = new Host();
    const uid = owner === undefined ? undefined : resolveUser(owner);
    const plan = planBind(host, await resolveReal(operands.device));
    if (options.persist) {
      console.log(printableLines(udevRules(host, plan, owner)));
      return 0;
    }
    if (options['dry-run']) {
      const uses = listUses(host, plan);
      const more = owner === undefined ? {} : { owner, node: host.groupNode(plan.group) };
      printPlan({ ...plan, uses }, json, more);
      return 0;
    }
    printWarnings(plan);
    const outcomes = applyPlan(host, plan, options.force);
    const nodes = findNodes(host, plan.group);
    if (uid !== undefined) chownNodes(nodes, uid);
    printOutcome(plan, outcomes, json, { nodes, ...(owner === undefined ? {} : { owner }) });
    return 0;
  },
});
