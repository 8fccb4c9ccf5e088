import type { OpenOptions, Via } from '../contract/index.js';
import { isVia } from '../contract/open-options.js';
import type { Sysfs } from './sysfs.js';

/**
 * The way in: given file descriptors decide, then the option, then the environment variable
 * `VFIO_VIA`, then what nodes there are, the character device first. Nodes and not kernel
 * versions: Debian's 6.12 and 7.2 know the character device and are built without it.
 *
 * @param device - the function's `'vfio3'` of sysfs, if it has one
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
