import { VfioError } from '../errors.js';
import type { Via } from '../contract/index.js';
import * as hints from './hints.js';
import type { OpenRequest } from '../contract/open-options.js';
import type { IommuGroup, Sysfs } from './sysfs.js';
import { chooseVia } from './via.js';

/** The function to open, and the way there. */
export interface Target {
  readonly name: string;
  readonly via: Via;
  readonly group: IommuGroup;
  /** `'vfio3'`; null where sysfs has none (before Linux 6.1). */
  readonly vfioDevice: string | null;
}

/**
 * Finds a function in sysfs and sees that VFIO has it.
 *
 * @throws VfioError ENODEV if there is no such function, no IOMMU group, or another driver
 */
export function findTarget(sysfs: Sysfs, name: string, request: OpenRequest): Target {
  const path = sysfs.device(name);
  const refuse = (message: string, hint: string) =>
    new VfioError({ code: 'ENODEV', message, path, hint });

  if (!sysfs.has(path)) {
    throw refuse('no such PCI function', "'lspci -D' lists what the machine has.");
  }
  const group = sysfs.group(name);
  if (group === null) {
    const hint = request.noiommu ? hints.noNoiommu(sysfs, name) : hints.noIommuToOpen(name);
    throw refuse('no IOMMU group', hint);
  }
  if (group.noiommu && !request.noiommu) {
    throw refuse('no IOMMU protects the host from this device', hints.noIommuToOpen(name));
  }
  const driver = sysfs.driver(name);
  const vfioDevice = sysfs.vfioDevice(name);
  if (vfioDevice === null && (driver === null || !hints.isVfio(driver))) {
    const bound = driver === null ? 'bound to no driver' : `bound to ${driver}, not to vfio-pci`;
    throw refuse(bound, hints.bindIt(sysfs, name));
  }
  return { name, group, vfioDevice, via: chooseVia(sysfs, vfioDevice, request) };
}
