import { isVfio } from './hints.js';
import type { Sysfs } from './sysfs.js';

/**
 * Returns the physical function whose VF token is needed to open a VF, or null if no token is
 * needed. The kernel requires the token if the physical function is bound to vfio-pci
 * (`vfio_pci_validate_vf_token`).
 */
export function tokenOwner(sysfs: Sysfs, name: string): string | null {
  const owner = sysfs.physicalFunction(name);
  if (owner === null) return null;
  const driver = sysfs.driver(owner);
  return driver !== null && isVfio(driver) ? owner : null;
}

/**
 * Whether the kernel accepts a VF token when the function is opened. If a function does not accept
 * a token, the kernel refuses the token with EINVAL.
 */
export function acceptsToken(sysfs: Sysfs, name: string): boolean {
  return sysfs.isPhysicalFunction(name) || tokenOwner(sysfs, name) !== null;
}
