import { applyPlan } from '../host/apply.js';
import { planRelease } from '../host/binding.js';
import { Host } from '../host/host.js';
import { tellOutcome, tellPlan } from './binding.js';
import { defineCommand } from './command.js';
import { realFunction } from './real.js';

export const command = defineCommand({
  about: `Takes a function and all of its IOMMU group from vfio-pci, and gives each back to the driver
    it had before vfio bind, or else to the one the kernel finds for it. Refused while a program has
    it open.`,
  operands: { device: { from: 'devices' } },
  options: {
    'dry-run': { type: 'boolean', help: 'prints what would be written, and writes nothing' },
    force: {
      type: 'boolean',
      help: 'also while a program has it open: the kernel waits until that one lets go',
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['sudo vfio release 01:00.0'],
  async run({ options, operands }) {
    const host = new Host();
    const plan = planRelease(host, await realFunction(operands.device));
    if (options['dry-run']) {
      tellPlan(plan, options.json);
      return 0;
    }
    tellOutcome(plan, applyPlan(host, plan, options.force), options.json);
    return 0;
  },
});
