import { accessSync, constants, existsSync } from 'node:fs';
import { release as hostRelease } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { VfioError } from '../errors.js';
import { cacheKernel, cacheLabel, type CacheOptions } from './cache.js';
import { isDebianKernel, kernelsOf, type DebianKernel } from './debian.js';
import { imageFormat, readRelease } from './image.js';
import { openModules, planModules, type KernelLabel, type ModulePlan } from './modules.js';

/** A kernel for the guest, and the modules that the guest loads. */
export interface Kernel {
  /** Path of the kernel image. */
  readonly image: string;
  /** The kernel's release, in the format of `uname -r`. */
  readonly release: string;
  /** Modules in load order. The list is empty if all modules are built into the kernel. */
  readonly modules: ModulePlan;
}

function findModules(image: string, release: string): string | undefined {
  // The first path is for a kernel in an unpacked package. The second path is for an installed
  // kernel.
  const places = [join(dirname(image), '../lib/modules'), '/lib/modules'];
  return places
    .map((place) => join(place, release))
    .find((folder) => existsSync(join(folder, 'modules.builtin')));
}

/**
 * Loads a kernel image and the kernel's modules. If no folder with modules is found, all needed
 * modules must be built into the kernel.
 *
 * @throws VfioError `EINVAL` for a file that is not an image for the architecture, `ENOENT` if a
 *   module is missing
 */
function loadKernel(
  path: string,
  { arch, modules: names }: Pick<CacheOptions, 'arch' | 'modules'>,
  label: KernelLabel = { kernel: path },
): Kernel {
  const image = resolve(path);
  const release = readRelease(image, arch, label.hint);
  const folder = findModules(image, release);
  if (folder !== undefined) {
    return { image, release, modules: planModules(openModules(folder, label), names) };
  }
  if (names.length === 0) return { image, release, modules: { required: [], further: [] } };
  const beside = join(dirname(image), '../lib/modules', release);
  const message = `the kernel ${label.kernel} has no module '${names.join("', '")}'`;
  const hint = `Neither ${beside} nor /lib/modules/${release} contains modules. All needed drivers must then be built into the kernel.`;
  throw new VfioError({ code: 'ENOENT', message, hint });
}

/**
 * Loads the kernel of this machine. Returns undefined if the guest has another architecture, if the
 * kernel image cannot be read, or if a needed module is missing or cannot be read.
 */
function loadHostKernel(options: CacheOptions): Kernel | undefined {
  if (options.arch !== process.arch) return undefined;
  const release = hostRelease();
  const image = [`/boot/vmlinuz-${release}`, `/lib/modules/${release}/vmlinuz`].find(existsSync);
  if (image === undefined || findModules(image, release) === undefined) return undefined;
  try {
    accessSync(image, constants.R_OK);
    return loadKernel(image, options);
  } catch {
    return undefined;
  }
}

/**
 * Finds the kernel to start.
 *
 * @param choice - path of a kernel image, or the name of a kernel that is downloaded once and cached
 *   (`debian-6.1`, `debian-6.12`, `debian-newest`). Default: this machine's kernel. If this kernel
 *   cannot be loaded, the first named kernel that can be downloaded is used.
 * @param options - the architecture of the guest, the modules that the guest loads in addition to
 *   the lab's modules, and the options of a download
 * @throws VfioError `ENOENT` if the kernel is not found, or if the kernel lacks a module
 */
export async function findKernel(
  choice: string | undefined,
  options: CacheOptions,
): Promise<Kernel> {
  const { arch, signal } = options;
  const loadNamed = async (name: DebianKernel) =>
    loadKernel(await cacheKernel(name, options), options, cacheLabel(name, arch));
  if (choice !== undefined) {
    if (isDebianKernel(choice)) return loadNamed(choice);
    if (existsSync(choice)) return loadKernel(choice, options);
    throw new VfioError({
      code: 'ENOENT',
      message: `no kernel '${choice}': pass the path of an ${imageFormat(arch)}, or one of ${kernelsOf(arch).join(', ')}`,
    });
  }
  const own = loadHostKernel(options);
  if (own !== undefined) return own;
  let failure: unknown;
  for (const name of kernelsOf(arch)) {
    try {
      return await loadNamed(name);
    } catch (error) {
      signal?.throwIfAborted();
      failure ??= error;
    }
  }
  throw failure;
}
