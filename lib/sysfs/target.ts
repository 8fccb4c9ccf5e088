import { VfioError } from '../errors.js';
import type { Via } from '../contract/index.js';
import * as hints from './hints.js';
import type { OpenRequest } from '../contract/open-options.js';
import type { IommuGroup, Sysfs } from './sysfs.js';
import { chooseVia } from './via.js';

/** The PCI function to open, and the kernel interface to use. */
export interface Target {
  readonly name: string;
  readonly via: Via;
  readonly group: IommuGroup;
  /**
   * The name of the character device, for example `'vfio3'`; null if sysfs lists no character
   * device. Linux before 6.1 has no character devices.
   */
  readonly vfioDevice: string | null;
}

/**
 * Finds a function in sysfs, and checks that the function is bound to a VFIO driver.
 *
 * @throws VfioError ENODEV if the function does not exist, has no IOMMU group, or is bound to
 *   another driver
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
    const hint = request.noiommu ? hints.noNoiommu(sysfs, name) : hints.noIommuToOpen(sysfs, name);
    throw refuse('no IOMMU group', hint);
  }
  if (group.noiommu && !request.noiommu) {
    throw refuse('no IOMMU protects the host from this device', hints.noIommuToOpen(sysfs, name));
  }
  const driver = sysfs.driver(name);
  const vfioDevice = sysfs.vfioDevice(name);
  if (vfioDevice === null && (driver === null || !hints.isVfio(driver))) {
    const bound = driver === null ? 'not bound to vfio-pci' : `bound to ${driver}, not to vfio-pci`;
    throw refuse(bound, hints.notBound(sysfs, name));
  }
  return { name, group, vfioDevice, via: chooseVia(sysfs, vfioDevice, request) };
}
