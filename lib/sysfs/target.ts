import { VfioError } from '../errors.js';
import type { Via } from '../contract/index.js';
import * as hints from './hints.js';
import type { OpenRequest } from '../contract/open-options.js';
import type { IommuGroup, Sysfs } from './sysfs.js';
import { chooseVia } from './via.js';

/** The function to open and the kernel interface to use. */
export interface Target {
  readonly name: string;
  readonly via: Via;
  readonly group: IommuGroup;
  /**
   * Name of the character device, for example `'vfio3'`; null if sysfs lists no character device
   * (before Linux 6.1).
   */
  readonly vfioDevice: string | null;
}

/**
 * Finds a function in sysfs and checks that a VFIO driver is bound.
 *
 * @throws VfioError ENODEV if the function does not exist, has no IOMMU group or has another driver
 */
export function findTarget(sysfs: Sysfs, name: string, request: OpenRequest): Target {
  const path = sysfs.device(name);
  const refuse = (message: string, hint: string) =>
    new VfioError({ code: 'ENODEV', message, path, hint });

  if (!sysfs.has(path)) {
    throw refuse('no such PCI function', "'lspci -D' lists the functions of this machine.");
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
    const bound = driver === null ? 'not bound to vfio-pci' : `bound to ${driver}, not to vfio-pci`;
    throw refuse(bound, hints.notBound(sysfs, name));
  }
  return { name, group, vfioDevice, via: chooseVia(sysfs, vfioDevice, request) };
}
