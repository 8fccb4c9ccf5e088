import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { attempt } from '../sysfs/attempt.js';
import { Sysfs } from '../sysfs/sysfs.js';
import { VfioError } from '../errors.js';

/** Reads and writes files of the machine: sysfs, procfs and device nodes. */
export class Host extends Sysfs {
  /**
   * Returns the contents of a file without surrounding white space, or null if the file cannot be
   * read.
   */
  text(...path: string[]): string | null {
    return attempt(() => readFileSync(this.path(...path), 'utf8').trim(), null);
  }

  /** Lists the names in a folder, sorted. The list is empty if the folder does not exist. */
  names(...path: string[]): string[] {
    return attempt(() => readdirSync(this.path(...path)).sort(), []);
  }

  /** Resolves all symbolic links in a path. Returns null if the target does not exist. */
  target(...path: string[]): string | null {
    return attempt(() => realpathSync(this.path(...path)), null);
  }

  /**
   * Reads the target of a symbolic link without resolving the target. Returns null if the link does
   * not exist.
   */
  link(...path: string[]): string | null {
    return attempt(() => readlinkSync(this.path(...path)), null);
  }

  linkName(...path: string[]): string | null {
    const target = this.target(...path);
    return target === null ? null : basename(target);
  }

  /** Lists the ids of all processes in ascending order. */
  processes(): string[] {
    const numbers = this.names('proc').filter((name) => /^\d+$/.test(name));
    return numbers.sort((a, b) => Number(a) - Number(b));
  }

  /** Returns the name and number of a process: `'qemu (1234)'`. */
  processName(pid: string): string {
    return `${this.text('proc', pid, 'comm') ?? 'process'} (${pid})`;
  }

  /**
   * Returns the device number of a device node: `'b259:0'` for a block device, `'c226:0'` for a
   * character device. Returns null for any other file.
   */
  nodeNumber(path: string): string | null {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : numberOf(found);
  }

  /**
   * Opens a disk for reading and claims the disk (O_EXCL). The open fails with EBUSY if the disk is
   * mounted or already claimed.
   *
   * @param number - the expected device number, `'b259:0'`
   * @throws an error of `node:fs` if the open fails; VfioError ENXIO if the node belongs to another
   *   device
   */
  openExclusive(path: string, number: string): number {
    // With O_NONBLOCK, the open of a drive without a medium does not wait for a medium.
    const fd = openSync(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
    if (numberOf(fstatSync(fd)) === number) return fd;
    closeSync(fd);
    throw new VfioError({ code: 'ENXIO', syscall: 'open', path });
  }

  /** Closes a file descriptor that {@link openExclusive} returned. */
  close(fd: number): void {
    closeSync(fd);
  }

  /** Whether the function is a PCI-PCI bridge or a CardBus bridge. */
  isBridge(name: string): boolean {
    const code = this.text('sys/bus/pci/devices', name, 'class') ?? '';
    return /^0x060[47]/.test(code);
  }

  /**
   * Writes to a file in sysfs.
   *
   * @throws VfioError with the errno of the kernel
   */
  write(path: string, text: string): void {
    try {
      // The file is opened write-only, because some files in sysfs are write-only. The file is
      // opened without O_CREAT, so that a missing file gives an error.
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
        ...(denied ? { hint: 'Only root can bind a driver: run the command with sudo.' } : {}),
        cause,
      });
    }
  }
}

function numberOf(stats: Stats): string | null {
  const kind = stats.isBlockDevice() ? 'b' : stats.isCharacterDevice() ? 'c' : null;
  if (kind === null) return null;
  // In Linux, the major number has 12 bits and the minor number has 20 bits.
  const major = (stats.rdev >>> 8) & 0xfff;
  const minor = (stats.rdev & 0xff) | ((stats.rdev >>> 12) & 0xfff00);
  return `${kind}${major}:${minor}`;
}
