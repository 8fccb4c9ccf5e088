import { applyPlan } from '../host/apply.js';
import { planRelease } from '../host/binding.js';
import { Host } from '../host/host.js';
import { printOutcome, printPlan } from './binding.js';
import { defineCommand } from './command.js';
import { resolveReal } from './real.js';

export const command = defineCommand({
  about: `Unbinds a function and all of its IOMMU group from vfio-pci, and binds each function to the
    driver it had before vfio bind. Without a former driver, the kernel chooses one. A function that
    a program has open is refused, and so is a physical function with virtual functions, which end
    with it.`,
  operands: { device: { from: 'devices' } },
  options: {
    'dry-run': { type: 'boolean', help: 'prints the planned writes to sysfs, and changes nothing' },
    force: {
      type: 'boolean',
      help: `releases functions in use, too: the kernel waits until programs close them, and removes
        virtual functions`,
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
