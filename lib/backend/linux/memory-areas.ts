import { VfioError } from '../../errors.js';
import type { Sysfs } from '../../sysfs/sysfs.js';
import * as hints from '../../sysfs/hints.js';

/**
 * Number of mappings between two counts, if few areas are left. A count reads a file of several
 * megabytes if the process has tens of thousands of areas.
 */
const MIN_INTERVAL = 256;

/**
 * The memory areas of this process. The kernel limits their number (vm.max_map_count), and V8
 * aborts the process if V8 itself gets no area. The library therefore leaves the last sixteenth of
 * the limit to V8 and to the program.
 */
export class MemoryAreas {
  readonly #sysfs: Sysfs;
  /** Number of mappings until the next count. */
  #left = MIN_INTERVAL;

  constructor(sysfs: Sysfs) {
    this.#sysfs = sysfs;
  }

  /**
   * Checks that the process can have another area. The caller then maps memory or registers.
   *
   * @throws {@link VfioError} ENOMEM if few areas are left
   */
  check(): void {
    if (this.#left-- > 0) return;
    this.#left = 0;
    const areas = this.#sysfs.memoryAreas();
    if (areas === null) return;
    const { count, limit } = areas;
    const room = limit - Math.ceil(limit / 16) - count;
    if (room <= 0) {
      throw new VfioError({
        code: 'ENOMEM',
        message: `the process has ${count} memory areas, and the limit is ${limit}`,
        syscall: 'mmap',
        hint: hints.memoryAreas(limit),
      });
    }
    // A mapping adds one area, and another one if its release splits an area. Other threads of the
    // process have their own count.
    this.#left = Math.max(Math.floor(room / 8), MIN_INTERVAL);
  }
}
