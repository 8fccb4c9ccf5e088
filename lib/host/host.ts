import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { Sysfs } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';

/** Reads and writes the files with which a machine is prepared for VFIO. */
export class Host extends Sysfs {
  /** Reads a file without surrounding white space; null if the file cannot be read. */
  text(...path: string[]): string | null {
    try {
      return readFileSync(this.path(...path), 'utf8').trim();
    } catch {
      return null;
    }
  }

  /** Lists the names in a folder, sorted; none if there is no such folder. */
  names(...path: string[]): string[] {
    try {
      return readdirSync(this.path(...path)).sort();
    } catch {
      return [];
    }
  }

  /** Resolves a link to a path without links; null if the target does not exist. */
  target(...path: string[]): string | null {
    try {
      return realpathSync(this.path(...path));
    } catch {
      return null;
    }
  }

  /** Reads the text of a link; null if there is no such link. */
  link(...path: string[]): string | null {
    try {
      return readlinkSync(this.path(...path));
    } catch {
      return null;
    }
  }

  linkName(...path: string[]): string | null {
    const target = this.target(...path);
    return target === null ? null : basename(target);
  }

  /** Whether the function is a PCI-PCI bridge or a CardBus bridge. */
  isBridge(name: string): boolean {
    const code = this.text('sys/bus/pci/devices', name, 'class') ?? '';
    return /^0x060[47]/.test(code);
  }

  /**
   * Writes to a file of sysfs.
   *
   * @throws VfioError with the errno of the kernel
   */
  write(path: string, text: string): void {
    try {
      // Without O_CREAT and O_RDONLY: sysfs has write-only files, and a missing file is an error.
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
        ...(denied ? { hint: 'Binding a driver needs root: run the command with sudo.' } : {}),
        cause,
      });
    }
  }
}
