import { addon } from './checks/addon.js';
import { devices } from './checks/devices.js';
import type { Check, Finding, Wanted } from './checks/finding.js';
import { interruptRemapping, iommu, lockdown } from './checks/iommu.js';
import { hugePages, memlock } from './checks/memory.js';
import { container, interfaces, modules } from './checks/interfaces.js';
import type { Host } from './host.js';

export type { Finding, State, Wanted } from './checks/finding.js';

/** The checks, in the order in which the user has to fix the problems. */
const CHECKS: readonly Check[] = [
  iommu,
  interruptRemapping,
  modules,
  interfaces,
  addon,
  devices,
  memlock,
  hugePages,
  lockdown,
  container,
];

/** Examines the machine by reading files. The function opens no device and changes nothing. */
export function examine(host: Host, wanted: Wanted = {}): Finding[] {
  return CHECKS.flatMap((check) => check(host, wanted));
}
