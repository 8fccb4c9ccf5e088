import { accessSync, constants, openSync, closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../errors.js';

/** Maps each program that the lab runs to its Debian package. */
const PACKAGES = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
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

/** A program that the lab runs. */
export type Tool = keyof typeof PACKAGES;

/** Returns the name of the Debian package that contains a program. */
export function packageOf(tool: Tool): string {
  return PACKAGES[tool];
}

/** Finds the first suitable program on PATH or in the system's folders. */
export function findTool(name: Tool): string | undefined {
  // The initramfs has no libraries.
  const fits = name === 'busybox' ? isStatic : () => true;
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
 * Finds programs. The found busybox is statically linked.
 *
 * @throws VfioError `ENOENT` if a program is missing; the error names every package to install
 */
export function findTools<Name extends Tool>(names: readonly Name[]): Record<Name, string> {
  const found = names.map((name) => [name, findTool(name)] as const);
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => PACKAGES[name]);
  if (missing.length === 0) return Object.fromEntries(found) as Record<Name, string>;
  throw new VfioError({
    code: 'ENOENT',
    message: `the lab needs ${missing.join(' and ')}: apt-get install ${missing.join(' ')}`,
  });
}
