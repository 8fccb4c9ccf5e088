import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { Sysfs } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';

/** The machine by its files, as those see it who prepare it for VFIO. */
export class Host extends Sysfs {
  /** Contents without the white space around; null if it is not there or not to be read. */
  text(...path: string[]): string | null {
    try {
      return readFileSync(this.path(...path), 'utf8').trim();
    } catch {
      return null;
    }
  }

  /** Names in a folder, sorted; none if there is no such folder. */
  names(...path: string[]): string[] {
    try {
      return readdirSync(this.path(...path)).sort();
    } catch {
      return [];
    }
  }

  /** What a link leads to in the end; null if nothing. */
  target(...path: string[]): string | null {
    try {
      return realpathSync(this.path(...path));
    } catch {
      return null;
    }
  }

  linkName(...path: string[]): string | null {
    const target = this.target(...path);
    return target === null ? null : basename(target);
  }

  /** Whether the function connects buses (PCI-PCI bridge, CardBus bridge) and belongs to nobody. */
  isBridge(name: string): boolean {
    const code = this.text('sys/bus/pci/devices', name, 'class') ?? '';
    return /^0x060[47]/.test(code);
  }

  /**
   * Writes to a file of sysfs.
   * @throws VfioError with the errno of the kernel
   */
  write(path: string, text: string): void {
    try {
      // Files of sysfs may be for writing alone, and are not created.
      const fd = openSync(path, constants.O_WRONLY);
      try {
        writeSync(fd, text);
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
      throw new VfioError({
        code,
        syscall: 'write',
        path,
        ...(denied ? { hint: 'Binding a driver takes root: run it with sudo.' } : {}),
        cause,
      });
    }
  }
}
