import { addon } from './checks/addon.js';
import { devices } from './checks/devices.js';
import type { Check, Finding, Wanted } from './checks/finding.js';
import { interruptRemapping, iommu, lockdown } from './checks/iommu.js';
import { hugePages, memlock } from './checks/memory.js';
import { container, modules, ways } from './checks/ways.js';
import type { Host } from './host.js';

export type { Finding, State, Wanted } from './checks/finding.js';

/** In the order in which things have to be mended. */
const CHECKS: readonly Check[] = [
  iommu,
  interruptRemapping,
  modules,
  ways,
  addon,
  devices,
  memlock,
  hugePages,
  lockdown,
  container,
];

/** Looks the machine over, by its files alone: nothing is opened, and nothing is changed. */
export function examine(host: Host, wanted: Wanted = {}): Finding[] {
  return CHECKS.flatMap((check) => check(host, wanted));
}
