import type { OpenOptions, Via } from '../contract/index.js';
import { isVia } from '../contract/open-options.js';
import type { Sysfs } from './sysfs.js';

/**
 * Chooses group or character device. The first of these decides: given file descriptors, the
 * option, the environment variable `VFIO_VIA`, the character device's nodes. The kernel's version
 * does not count: Debian builds its kernels 6.12 and 7.2 without the character device.
 *
 * @param device - the function's character device in sysfs, `'vfio3'`; null if there is none
 * @throws TypeError if `VFIO_VIA` is neither `group` nor `cdev`
 */
export function chooseVia(
  sysfs: Sysfs,
  device: string | null,
  options: Pick<OpenOptions, 'via' | 'fds'>,
  environment: string | undefined = process.env.VFIO_VIA,
): Via {
  const wanted = options.fds?.via ?? options.via;
  if (wanted !== undefined) return wanted;
  if (environment !== undefined && environment !== '') {
    if (!isVia(environment)) {
      throw new TypeError(`VFIO_VIA must be 'group' or 'cdev', not '${environment}'`);
    }
    return environment;
  }
  const cdev = device !== null && sysfs.has(sysfs.iommuNode) && sysfs.has(sysfs.deviceNode(device));
  return cdev ? 'cdev' : 'group';
}
