import type { Native } from '../../native/binding.js';
import type { MemoryAreas } from '../linux/memory-areas.js';
import type { Sysfs } from '../../sysfs/sysfs.js';

/** Access to the kernel: its system calls and its files. */
export interface Kernel {
  readonly native: Native;
  readonly sysfs: Sysfs;
  readonly areas: MemoryAreas;
}
