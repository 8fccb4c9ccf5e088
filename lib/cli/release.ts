import { applyPlan } from '../host/apply.js';
import { planRelease } from '../host/binding.js';
import { Host } from '../host/host.js';
import { printOutcome, printPlan } from './binding.js';
import { defineCommand } from './command.js';
import { resolveReal } from './real.js';

export const command = defineCommand({
  about: `Unbinds all functions of an IOMMU group from vfio-pci. Each function is bound to the
    driver that the function had before 'vfio bind'. If the function had no driver, the kernel
    chooses a driver. The command refuses a group if a program has opened a function of the group,
    or if a function has virtual functions. When a physical function is released, the kernel removes
    its virtual functions.`,
  operands: { device: { from: 'devices' } },
  options: {
    'dry-run': { type: 'boolean', help: 'prints the planned writes to sysfs, and changes nothing' },
    force: {
      type: 'boolean',
      help: `also releases functions that are in use: the kernel waits until programs close the
        functions, and removes virtual functions`,
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['sudo vfio release 01:00.0'],
  async run({ options, operands }) {
    const host = new Host();
    const plan = planRelease(host, await resolveReal(operands.device));
    if (options['dry-run']) {
      printPlan(plan, options.json);
      return 0;
    }
    printOutcome(plan, applyPlan(host, plan, options.force), options.json);
    return 0;
  },
});
