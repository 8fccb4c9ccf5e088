import { accessSync, closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { release as hostRelease } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { VfioError } from '../errors.js';
import { cacheKernel } from './cache.js';
import { DEBIAN_KERNELS, isDebianKernel } from './debian.js';
import { openModules, planModules, type Module } from './modules.js';

/** A kernel for the guest, and the modules to load. */
export interface Kernel {
  /** Path of the bzImage. */
  readonly image: string;
  /** The release, as `uname -r` prints it. */
  readonly release: string;
  /** Modules in the order of loading; none if the kernel has everything built in. */
  readonly modules: readonly Module[];
}

/** Reads the release from a bzImage's header (Documentation/arch/x86/boot.rst, kernel_version). */
function readRelease(image: string): string {
  const head = Buffer.alloc(0x10000);
  const fd = openSync(image, 'r');
  const length = readSync(fd, head);
  closeSync(fd);
  if (length < 0x210 || head.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw new VfioError({ code: 'EINVAL', message: 'the file is not an x86 bzImage', path: image });
  }
  const start = head.readUInt16LE(0x20e) + 0x200;
  return /^[^ \0]*/.exec(head.toString('latin1', start, start + 128))?.[0] ?? '';
}

function findModules(image: string, release: string): string | undefined {
  // Modules of an unpacked package, or of an installed kernel.
  const places = [join(dirname(image), '../lib/modules'), '/lib/modules'];
  return places
    .map((place) => join(place, release))
    .find((folder) => existsSync(join(folder, 'modules.builtin')));
}

/**
 * Loads the kernel of a file and its modules. If no modules are found, the kernel must have
 * everything built in.
 *
 * @throws VfioError `EINVAL` for a file that is not a bzImage, `ENOENT` if a module is missing
 */
function loadKernel(path: string): Kernel {
  const image = resolve(path);
  const release = readRelease(image);
  const folder = findModules(image, release);
  return { image, release, modules: folder === undefined ? [] : planModules(openModules(folder)) };
}

/** Loads the kernel of this machine; undefined if its file or its modules cannot be read. */
function loadHostKernel(): Kernel | undefined {
  const release = hostRelease();
  const image = [`/boot/vmlinuz-${release}`, `/lib/modules/${release}/vmlinuz`].find(existsSync);
  if (image === undefined || findModules(image, release) === undefined) return undefined;
  try {
    accessSync(image, constants.R_OK);
    return loadKernel(image);
  } catch {
    return undefined;
  }
}

/**
 * Finds the kernel to start.
 *
 * @param choice - path of a bzImage, or a name (`debian-6.1`, `debian-6.12`) of a kernel that is
 *   downloaded once and kept; default: this machine's kernel, else the newest named kernel
 * @param report - called with the steps of a download
 * @throws VfioError `ENOENT` if there is no such kernel
 */
export async function findKernel(
  choice: string | undefined,
  report: (step: string, percent?: number) => void,
): Promise<Kernel> {
  if (choice !== undefined) {
    if (isDebianKernel(choice)) return loadKernel(await cacheKernel(choice, report));
    if (existsSync(choice)) return loadKernel(choice);
    throw new VfioError({
      code: 'ENOENT',
      message: `no kernel '${choice}': neither a file nor one of ${DEBIAN_KERNELS.join(', ')}`,
    });
  }
  const own = loadHostKernel();
  if (own !== undefined) return own;
  let failure: unknown;
  for (const name of DEBIAN_KERNELS) {
    try {
      return loadKernel(await cacheKernel(name, report));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
