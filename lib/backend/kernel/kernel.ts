import type { Native } from '../../native/binding.js';
import type { Sysfs } from '../../sysfs/sysfs.js';

/** The kernel, by its calls and by its files. */
export interface Kernel {
  readonly native: Native;
  readonly sysfs: Sysfs;
}
