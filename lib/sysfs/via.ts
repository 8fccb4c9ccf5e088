import type { OpenOptions, Via } from '../contract/index.js';
import { isVia } from '../contract/open-options.js';
import type { Sysfs } from './sysfs.js';

/**
 * Chooses whether to open a function through its group or through its character device. The
 * interface is taken from the option `fds`, then from the option `via`, then from the environment
 * variable `VFIO_VIA`. If all three are missing, the character device is used if its nodes exist.
 * The kernel version is not used, because some kernels are built without the character device, for
 * example Debian's kernels 6.12 and 7.2.
 *
 * @param device - the name of the function's character device in sysfs, for example `'vfio3'`, or
 *   null if the function has no character device
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
