import { accessSync, constants, openSync, closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';

/** Maps each program that the lab runs to its Debian package. */
const PACKAGES = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
} as const;

const PT_INTERP = 3;

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Finds the first suitable program on PATH or in the system's folders. */
function find(name: string, fits: (path: string) => boolean = () => true): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/bin', '/usr/sbin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => readable(path) && fits(path));
}

/**
 * Whether a 64-bit ELF program is statically linked. A statically linked program runs in a file
 * system without libraries.
 */
function isStatic(path: string): boolean {
  const head = Buffer.alloc(4096);
  const fd = openSync(path, 'r');
  readSync(fd, head);
  closeSync(fd);
  const [table, size, count] = [
    Number(head.readBigUInt64LE(0x20)),
    head.readUInt16LE(0x36),
    head.readUInt16LE(0x38),
  ];
  for (let index = 0; index < count; index++) {
    if (head.readUInt32LE(table + index * size) === PT_INTERP) return false;
  }
  return true;
}

/**
 * Finds QEMU and a statically linked busybox.
 *
 * @throws VfioError `ENOENT` if a program is missing; the error names every package to install
 */
export function findTools(): { qemu: string; busybox: string } {
  const qemu = find('qemu-system-x86_64');
  const busybox = find('busybox', isStatic);
  if (qemu !== undefined && busybox !== undefined) return { qemu, busybox };
  const missing = [
    ...(qemu === undefined ? [PACKAGES['qemu-system-x86_64']] : []),
    ...(busybox === undefined ? [PACKAGES.busybox] : []),
  ];
  throw new VfioError({
    code: 'ENOENT',
    message: `the lab needs ${missing.join(' and ')}: apt-get install ${missing.join(' ')}`,
  });
}
