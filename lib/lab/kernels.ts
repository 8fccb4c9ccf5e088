import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { release as hostRelease } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { VfioError } from '../errors.js';
import { cacheKernel, cacheLabel, type CacheOptions } from './cache.js';
import { DEBIAN_KERNELS, isDebianKernel, type DebianKernel } from './debian.js';
import { openModules, planModules, type KernelLabel, type ModulePlan } from './modules.js';

/** A kernel for the guest, and the modules that the guest loads. */
export interface Kernel {
  /** Path of the bzImage. */
  readonly image: string;
  /** The kernel's release, in the format of `uname -r`. */
  readonly release: string;
  /** Modules in load order. The list is empty if all modules are built into the kernel. */
  readonly modules: ModulePlan;
}

/**
 * Reads the kernel's release from the header of a bzImage (Documentation/arch/x86/boot.rst,
 * kernel_version).
 *
 * @throws VfioError `EINVAL` if the file is not a bzImage or is incomplete
 */
function readRelease(image: string, hint: string | undefined): string {
  const invalid = (message: string) =>
    new VfioError({ code: 'EINVAL', message, path: image, hint });
  const status = statSync(image);
  // The open of a FIFO would block until another process opens the FIFO for writing.
  if (!status.isFile()) throw invalid('the kernel image is not a regular file');
  const head = Buffer.alloc(0x10000);
  const fd = openSync(image, 'r');
  const length = readSync(fd, head);
  closeSync(fd);
  if (length < 0x210 || head.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    throw invalid('the file is not an x86 bzImage');
  }
  // The header contains two sizes: the setup code in sectors, and the rest of the image in units of
  // 16 bytes.
  const sectors = head.readUInt8(0x1f1);
  const size = ((sectors === 0 ? 4 : sectors) + 1) * 512 + head.readUInt32LE(0x1f4) * 16;
  if (status.size < size - 16) {
    throw invalid(`the kernel image is incomplete: ${status.size} of ${size} bytes`);
  }
  const start = head.readUInt16LE(0x20e) + 0x200;
  return /^[^ \0]*/.exec(head.toString('latin1', start, start + 128))?.[0] ?? '';
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
 * @throws VfioError `EINVAL` for a file that is not a bzImage, `ENOENT` if a module is missing
 */
function loadKernel(
  path: string,
  names: readonly string[],
  label: KernelLabel = { kernel: path },
): Kernel {
  const image = resolve(path);
  const release = readRelease(image, label.hint);
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
 * Loads the kernel of this machine. Returns undefined if the kernel image cannot be read, or if a
 * needed module is missing or cannot be read.
 */
function loadHostKernel(names: readonly string[]): Kernel | undefined {
  const release = hostRelease();
  const image = [`/boot/vmlinuz-${release}`, `/lib/modules/${release}/vmlinuz`].find(existsSync);
  if (image === undefined || findModules(image, release) === undefined) return undefined;
  try {
    accessSync(image, constants.R_OK);
    return loadKernel(image, names);
  } catch {
    return undefined;
  }
}

/**
 * Finds the kernel to start.
 *
 * @param choice - path of a bzImage, or the name of a kernel that is downloaded once and cached
 *   (`debian-6.1`, `debian-6.12`, `debian-newest`). Default: this machine's kernel. If this kernel
 *   cannot be loaded, the first named kernel that can be downloaded is used.
 * @param options - the modules that the guest loads in addition to the lab's modules, and the
 *   options of a download
 * @throws VfioError `ENOENT` if the kernel is not found, or if the kernel lacks a module
 */
export async function findKernel(
  choice: string | undefined,
  options: CacheOptions,
): Promise<Kernel> {
  const { modules, signal } = options;
  const loadNamed = async (name: DebianKernel) =>
    loadKernel(await cacheKernel(name, options), modules, cacheLabel(name));
  if (choice !== undefined) {
    if (isDebianKernel(choice)) return loadNamed(choice);
    if (existsSync(choice)) return loadKernel(choice, modules);
    throw new VfioError({
      code: 'ENOENT',
      message: `no kernel '${choice}': pass the path of a bzImage, or one of ${DEBIAN_KERNELS.join(', ')}`,
    });
  }
  const own = loadHostKernel(modules);
  if (own !== undefined) return own;
  let failure: unknown;
  for (const name of DEBIAN_KERNELS) {
    try {
      return await loadNamed(name);
    } catch (error) {
      signal?.throwIfAborted();
      failure ??= error;
    }
  }
  throw failure;
}
