import { accessSync, closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { release as hostRelease } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { VfioError } from '../errors.js';
import { cachedKernel } from './cache.js';
import { DEBIAN_KERNELS, isDebianKernel } from './debian.js';
import { moduleFolder, planModules, type Module } from './modules.js';

/** A kernel the guest can start, and what it has to load. */
export interface Kernel {
  /** Path of the bzImage. */
  readonly image: string;
  /** As `uname -r` says it. */
  readonly release: string;
  /** In the order of loading; none when everything needed is built in. */
  readonly modules: readonly Module[];
}

/** The release a bzImage names in its header (Documentation/arch/x86/boot.rst, kernel_version). */
function releaseOf(image: string): string {
  const head = Buffer.alloc(0x10000);
  const fd = openSync(image, 'r');
  const length = readSync(fd, head);
  closeSync(fd);
  if (length < 0x210 || head.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw new VfioError({ code: 'EINVAL', message: 'not an x86 bzImage', path: image });
  }
  const start = head.readUInt16LE(0x20e) + 0x200;
  return /^[^ \0]*/.exec(head.toString('latin1', start, start + 128))?.[0] ?? '';
}

function modulesFor(image: string, release: string): string | undefined {
  // An unpacked package, or an installed kernel.
  const places = [join(dirname(image), '../lib/modules'), '/lib/modules'];
  return places
    .map((place) => join(place, release))
    .find((folder) => existsSync(join(folder, 'modules.builtin')));
}

/**
 * The kernel in a file, with the modules that are found for it; where there are none, it has to
 * have everything built in.
 *
 * @throws VfioError `EINVAL` for a file that is not a bzImage, `ENOENT` when a module is missing.
 */
function kernelAt(path: string): Kernel {
  const image = resolve(path);
  const release = releaseOf(image);
  const folder = modulesFor(image, release);
  return { image, release, modules: folder === undefined ? [] : planModules(moduleFolder(folder)) };
}

/** The kernel this machine runs, or undefined when its file or its modules cannot be read. */
function hostKernel(): Kernel | undefined {
  const release = hostRelease();
  const image = [`/boot/vmlinuz-${release}`, `/lib/modules/${release}/vmlinuz`].find(existsSync);
  if (image === undefined || modulesFor(image, release) === undefined) return undefined;
  try {
    accessSync(image, constants.R_OK);
    return kernelAt(image);
  } catch {
    return undefined;
  }
}

/**
 * Finds the kernel to start.
 *
 * @param choice - path of a bzImage, or a name (`debian-6.1`, `debian-6.12`) of one that is
 * downloaded once and kept; by default the machine's own, else the newest that can be had
 * @param report - is told about downloads
 * @throws VfioError `ENOENT` when there is none.
 */
export async function findKernel(
  choice: string | undefined,
  report: (step: string, percent?: number) => void,
): Promise<Kernel> {
  if (choice !== undefined) {
    if (isDebianKernel(choice)) return kernelAt(await cachedKernel(choice, report));
    if (existsSync(choice)) return kernelAt(choice);
    throw new VfioError({
      code: 'ENOENT',
      message: `no kernel '${choice}': neither a file nor one of ${DEBIAN_KERNELS.join(', ')}`,
    });
  }
  const own = hostKernel();
  if (own !== undefined) return own;
  let failure: unknown;
  for (const name of DEBIAN_KERNELS) {
    try {
      return kernelAt(await cachedKernel(name, report));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
