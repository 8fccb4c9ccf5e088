import { parseArgs } from 'node:util';
import { applyPlan } from '../host/apply.js';
import { planRelease } from '../host/binding.js';
import { Host } from '../host/host.js';
import { tellOutcome, tellPlan } from './binding.js';
import { realFunction } from './real.js';
import { onlyOne } from './usage.js';

export const usage = `vfio release <device> [options]

Takes a function and all of its IOMMU group from vfio-pci, and gives each back to the driver it had
before vfio bind, or else to the one the kernel finds for it. Refused while a program has it open.

  --dry-run  prints what would be written, and writes nothing
  --force    also while a program has it open: the kernel waits until that one lets go
  --json     prints one JSON object

Example: sudo vfio release 01:00.0`;

export function run(argv: string[]): number {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      'dry-run': { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const host = new Host();
  const plan = planRelease(host, realFunction(onlyOne(positionals)));
  if (values['dry-run']) {
    tellPlan(plan, values.json);
    return 0;
  }
  tellOutcome(plan, applyPlan(host, plan, values.force), values.json);
  return 0;
}
